package target

// System is the system, made once.
var System = New()

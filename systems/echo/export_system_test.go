package echo

// System is the system, made once.
var System = New()

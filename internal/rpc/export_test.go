package rpc

// CountMade is a client's interceptor.
var CountMade = countMade

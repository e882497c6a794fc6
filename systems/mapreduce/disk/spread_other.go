//go:build !linux

package disk

// Spread asks the file system to place the folders within a folder apart from
// each other. It is a hint, and only Linux knows it.
func Spread(string) error { return nil }

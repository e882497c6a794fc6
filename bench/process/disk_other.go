//go:build !linux

package process

func bearFullDisk() {}

//go:build !linux

package link

// newAlarm is no more exact than package time, which the lag then shows.
func newAlarm() (alarm, error) { return newTimeAlarm(), nil }

//go:build !linux

package load

// NewAlarm returns the most exact alarm that there is here: on other systems
// than Linux it is [NewCoarseAlarm].
func NewAlarm() (Alarm, error) { return NewCoarseAlarm(), nil }

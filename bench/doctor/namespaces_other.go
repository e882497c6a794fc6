//go:build !linux

package doctor

import "context"

func namespaces(context.Context) Finding {
	return Finding{Name: "namespaces", Found: "of Linux only", Costs: "nothing today: links are delayed and cut in user space"}
}

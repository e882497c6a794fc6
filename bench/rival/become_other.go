//go:build !linux

package rival

import "errors"

// supported: elsewhere nothing would end a server when dyno is killed.
const supported = false

func (b becoming) become(string, []string) error {
	return errors.New("programs that others wrote are run on Linux only")
}

func forget(string) {}

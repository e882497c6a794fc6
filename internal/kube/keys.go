package kube

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"dyno/internal/backoff"
)

// Certificates are brought into running pods by kubectl exec: no object of the
// cluster holds a key, and neither does what is printed, logged or backed up.

const (
	keysDir = "/keys" // a volume in memory
	// Credentials is the folder where certificates lie in the pods, once they have come.
	Credentials = keysDir + "/run"
	// followed is a folder in the runner's pod: whoever fills it has the run.
	followed = keysDir + "/followed"
	// isThere is what dyno deploy receive prints of a folder that was filled before.
	isThere = "it is there already"
	// authority is the stem of the file by which all parties know each other.
	authority = "authority"
	// atOnce is how many pods are given theirs at the same time.
	atOnce = 16
	// lookForKeys is the time between two looks for them in a pod.
	lookForKeys = 50 * time.Millisecond
)

// Keys are the certificates of a run, and their keys, by file name: PARTY.pem,
// PARTY.key, and the authority's.
type Keys map[string][]byte

// ReadKeys reads all files of a folder.
func ReadKeys(dir string) (Keys, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	keys := make(Keys)
	for _, f := range files {
		if keys[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// pack writes the files of one party, and the authority that all trust, as an
// archive for [Receive].
func (k Keys) pack(party string) ([]byte, error) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	var err error
	for file, content := range k {
		if stem, _, _ := strings.Cut(file, "."); stem == party || stem == authority {
			err = errors.Join(err, packText(t, file, content))
		}
	}
	err = errors.Join(err, packDone(t, 0), t.Close())
	return out.Bytes(), err
}

// equip brings every pod its certificates, without which none begins, and the runner
// before that what an earlier run has left in a folder.
func (c *Cluster) equip(ctx context.Context, r Run, keys Keys, parties map[string]string, out string) error {
	earlier, err := packAgain(out)
	archives := make(map[string][]byte)
	for _, party := range parties {
		if err == nil && archives[party] == nil {
			archives[party], err = keys.pack(party)
		}
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	slots, lost := make(chan struct{}, atOnce), make(chan error, len(parties))
	for pod, party := range parties {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			if party == partyRunner && earlier != nil {
				_, err = c.hand(ctx, r, pod, Out, earlier)
			}
			if err == nil {
				_, err = c.hand(ctx, r, pod, Credentials, archives[party])
			}
			if err != nil {
				lost <- err
				cancel()
			}
		})
	}
	all.Wait()
	close(lost)
	return <-lost
}

// claim says whether this is the first to follow a run, whose certificates its
// machines trust, and who deletes it.
func (c *Cluster) claim(ctx context.Context, r Run) (first bool, err error) {
	host, _ := os.Hostname() // for whoever looks into the pod
	archive, err := Keys{authority: fmt.Appendf(nil, "%s, process %d, %s\n", host, os.Getpid(), rand.Text())}.pack(authority)
	if err != nil {
		return false, err
	}
	return c.hand(ctx, r, r.Runner(), followed, archive)
}

// hand brings one pod an archive for a folder there, and says whether nobody had
// brought another.
func (c *Cluster) hand(ctx context.Context, r Run, pod, folder string, archive []byte) (first bool, err error) {
	for range tries {
		var said []byte
		said, err = c.ask(ctx, r, bytes.NewReader(archive), "exec", "-i", pod, "--", "/dyno", "deploy", "receive", folder)
		if err == nil {
			return !bytes.Contains(said, []byte(isThere)), nil
		}
		if backoff.Sleep(ctx, look) != nil {
			break
		}
	}
	return false, fmt.Errorf("%s of %s cannot be filled: %w", folder, pod, errors.Join(err, context.Cause(ctx)))
}

// Receive unpacks an archive into a folder, which is there whole or not at all. What
// is there stays; that is said unless it is the same, from a call whose answer was lost.
func Receive(r io.Reader, dir string, said io.Writer) error {
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".new")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if _, err := Unpack(r, fresh); err != nil {
		return err
	}
	err = os.Rename(fresh, dir)
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	was, err := ReadKeys(dir)
	now, again := ReadKeys(fresh)
	if err == nil && again == nil && maps.EqualFunc(was, now, bytes.Equal) {
		return nil
	}
	_, err = fmt.Fprintln(said, isThere)
	return err
}

// Await waits until the folder is there that [Receive] makes.
func Await(ctx context.Context, dir string) error {
	for {
		if _, err := os.Stat(dir); err == nil {
			return nil
		}
		if backoff.Sleep(ctx, lookForKeys) != nil {
			return fmt.Errorf("no certificates have come to %s, where dyno deploy k8s --attach brings them: %w", dir, context.Cause(ctx))
		}
	}
}

package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dyno/systems"
	"dyno/systems/byzantine/core/general"
)

// keyBytes is the length of a key that two share.
const keyBytes = 32

// keyFile is what one general is handed: JSON, byte strings in base64.
type keyFile struct {
	Me      int      `json:"me"`
	Runner  []byte   `json:"runner"`  // shared with the runner
	Peers   [][]byte `json:"peers"`   // shared with each general; nothing at the own place
	Private []byte   `json:"private"` // ed25519 seed
	Public  [][]byte `json:"public"`  // everybody's ed25519 public key
}

// drawKeys makes fresh keys for n generals.
func drawKeys(n int) ([]keyFile, error) {
	files := make([]keyFile, n)
	public := make([][]byte, n)
	for i := range files {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails: crypto/rand ends the program instead
		key, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("ed25519 has another kind of public key than before: %T", key)
		}
		public[i] = key
		files[i] = keyFile{Me: i, Runner: newKey(), Peers: make([][]byte, n), Private: seed, Public: public}
	}
	for i := range files {
		for j := range i {
			k := newKey()
			files[i].Peers[j], files[j].Peers[i] = k, k
		}
	}
	return files, nil
}

func newKey() []byte {
	k := make([]byte, keyBytes)
	rand.Read(k)
	return k
}

// readKeys reads what a general was handed.
func readKeys(path string) (*keyFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the general's keys: %w", err)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the general's keys in %s: %w", path, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("the general's keys in %s: %w", path, err)
	}
	return &f, nil
}

// write puts the keys into a new file that only the user can read.
func (f *keyFile) write(path string) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func (f *keyFile) check() error {
	n := len(f.Peers)
	switch {
	case n < 2 || n > general.MaxGenerals:
		return fmt.Errorf("%d generals: there must be 2 to %d", n, general.MaxGenerals)
	case f.Me < 0 || f.Me >= n:
		return fmt.Errorf("general %d is none of 0 to %d", f.Me, n-1)
	case len(f.Private) != ed25519.SeedSize || len(f.Public) != n:
		return fmt.Errorf("the signing keys are not those of %d generals", n)
	case len(f.Runner) != keyBytes:
		return fmt.Errorf("the key shared with the runner has %d bytes, not %d", len(f.Runner), keyBytes)
	}
	for i, k := range f.Peers {
		if i != f.Me && len(k) != keyBytes {
			return fmt.Errorf("the key shared with general %d has %d bytes, not %d", i, len(k), keyBytes)
		}
		if len(f.Public[i]) != ed25519.PublicKeySize {
			return fmt.Errorf("the public key of general %d has %d bytes, not %d", i, len(f.Public[i]), ed25519.PublicKeySize)
		}
	}
	return nil
}

// signing are the keys for signed messages of one run.
func (f *keyFile) signing(run uint64) general.Keys {
	public := make([]ed25519.PublicKey, len(f.Public))
	for i, k := range f.Public {
		public[i] = k
	}
	return general.Keys{Run: run, Public: public, Private: ed25519.NewKeyFromSeed(f.Private)}
}

func keyPath(dir string, id int) string { return filepath.Join(dir, GeneralName(id)+".json") }

// forget leaves keys on no machine: what a trial leaves behind must not have them.
func forget(ctx context.Context, bench systems.Bench, dir string, n int) error {
	for id := range n {
		_ = os.Truncate(keyPath(dir, id), 0) // one that was never written
	}
	return errors.Join(systems.Publish(ctx, bench, dir), os.RemoveAll(dir))
}

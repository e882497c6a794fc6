package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// How the files in a journal's folder are called: by a sequence number and what
// they are.
const (
	segmentSuffix  = ".log"
	snapshotSuffix = ".snapshot"
	stagedSuffix   = ".staged" // not yet in its place: cleared at open
)

// Where things are in a file, in bytes. Each hint has a sector of its own.
const (
	hintsOffset = 1536
	dataOffset  = 4096 // of the first frame
)

// maxIdentity bounds the identity, in bytes.
const maxIdentity = 1024

var (
	segmentMagic  = [8]byte{'d', 'y', 'n', 'o', 'l', 'o', 'g', '2'}
	snapshotMagic = [8]byte{'d', 'y', 'n', 'o', 's', 'n', 'p', '2'}
)

func fileName(seq uint64, suffix string) string { return fmt.Sprintf("%020d%s", seq, suffix) }

// fileSequence is what a file is called after; false if it is none of that kind.
func fileSequence(name, suffix string) (uint64, bool) {
	text, ok := strings.CutSuffix(name, suffix)
	seq, err := strconv.ParseUint(text, 10, 64)
	return seq, ok && err == nil && fileName(seq, suffix) == name
}

// header begins every file.
type header struct {
	salt       uint32 // of all checksums in the file
	generation uint32 // of cuts so far: of two segments the one with more of them is right
	first      uint64 // sequence number of the first record; of a snapshot, of the last one in it
	prev       uint32 // link of the frame before the first
	size       int64  // of the file; 0 for a snapshot, whose size its end tells
	identity   string
}

const headerFixed = 40

// bytes is the beginning of a file, up to the first frame.
func (h header) bytes(magic [8]byte) []byte {
	b := append(make([]byte, 0, dataOffset), magic[:]...)
	b = binary.LittleEndian.AppendUint32(b, h.salt)
	b = binary.LittleEndian.AppendUint32(b, h.generation)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint32(b, h.prev)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.size))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.identity)))
	b = append(b, h.identity...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, checksum))
	return b[:dataOffset]
}

// readHeader reads the beginning of a file and checks that it is whole, what
// the file's name says, and ours.
func readHeader(name string, f io.ReaderAt, magic [8]byte, seq uint64, identity string) (header, error) {
	damage := func(reason string) (header, error) { return header{}, &DamageError{Path: name, Reason: reason} }
	b := make([]byte, dataOffset)
	if n, err := f.ReadAt(b, 0); n < len(b) && err == io.EOF {
		return damage("it ends within its header")
	} else if n < len(b) {
		return header{}, fmt.Errorf("journal: %w", err)
	}
	n := int(binary.LittleEndian.Uint32(b[36:]))
	if [8]byte(b[:8]) != magic || n > maxIdentity {
		return damage("it does not begin as its kind does")
	}
	end := headerFixed + n
	if crc32.Checksum(b[:end], checksum) != binary.LittleEndian.Uint32(b[end:]) {
		return damage("its header fails its checksum")
	}
	h := header{
		salt:       binary.LittleEndian.Uint32(b[8:]),
		generation: binary.LittleEndian.Uint32(b[12:]),
		first:      binary.LittleEndian.Uint64(b[16:]),
		prev:       binary.LittleEndian.Uint32(b[24:]),
		size:       int64(binary.LittleEndian.Uint64(b[28:])),
		identity:   string(b[headerFixed:end]),
	}
	if h.first != seq {
		return damage(fmt.Sprintf("its header is that of %d", h.first))
	}
	if h.identity != identity {
		return h, &IdentityError{Path: name, Want: identity, Got: h.identity}
	}
	return h, nil
}

// IdentityError says that a journal belongs to something else.
type IdentityError struct{ Path, Want, Got string }

func (e *IdentityError) Error() string {
	return fmt.Sprintf("journal %s belongs to %q, not to %q", e.Path, e.Got, e.Want)
}

// hint says in another place of a segment how far it is known to go, so that
// its end cannot be lost without a trace. Two are kept, the newest of which is
// never overwritten.
type hint struct {
	durable   uint64 // all records through this one were durable
	clean     bool   // the journal was closed after it
	continued bool   // there is a segment after this one
}

const hintSize = 16

func (h hint) bytes(salt uint32, slot int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, h.durable)
	flags := uint32(1) // so that no hint is all zeros
	if h.clean {
		flags |= 2
	}
	if h.continued {
		flags |= 4
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	return binary.LittleEndian.AppendUint32(b, crc32.Update(seed(salt, hintOffset(slot)), checksum, b))
}

func hintOffset(slot int) int64 { return hintsOffset + int64(slot)*sector }

// readHints returns what both hints of a segment say together, and which of
// them is to be overwritten next.
func readHints(name string, f io.ReaderAt, salt uint32) (sum hint, slot int, err error) {
	b := make([]byte, hintSize)
	for i := range 2 {
		if _, err := f.ReadAt(b, hintOffset(i)); err != nil {
			return hint{}, 0, fmt.Errorf("journal %s: %w", name, err)
		}
		if bytes.Equal(b, zeroSector[:hintSize]) {
			continue
		}
		if binary.LittleEndian.Uint32(b[12:]) != crc32.Update(seed(salt, hintOffset(i)), checksum, b[:12]) {
			return hint{}, 0, &DamageError{Path: name, Offset: hintOffset(i), Reason: "a note of how far it goes fails its checksum"}
		}
		flags := binary.LittleEndian.Uint32(b[8:])
		h := hint{durable: binary.LittleEndian.Uint64(b), clean: flags&2 != 0, continued: flags&4 != 0}
		sum.continued = sum.continued || h.continued
		if h.durable >= sum.durable {
			sum.durable, sum.clean, slot = h.durable, h.clean, 1-i
		}
	}
	return sum, slot, nil
}

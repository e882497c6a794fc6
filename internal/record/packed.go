package record

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"io"
	"iter"
	"math"
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// packed is a histogram as HDR stores it (V2): the counts of its buckets one after
// the other as varints, a run of n empty buckets as −n. It is a hundredth of the
// size of the array that durations are counted in, and a third of the library's own
// sparse form. Reading it changes nothing, so that many may do so at once.
type packed struct {
	counts []byte
	total  int64
	marks  [16]mark
}

// mark is a place in the counts, and what is before it: a rank is looked for from the
// last mark on that it is behind.
type mark struct {
	at, bucket int32
	before     int64
}

// The header of a V2 histogram, big endian; what is before it in the stored text
// says that the rest is compressed.
type packedHeader struct {
	Cookie, Length, Offset, Digits int32
	Low, High                      int64
	Ratio                          float64
}

const (
	packedPrefix = 8 // cookie and length of what is compressed
	packedCookie = hdrhistogram.V2EncodingCookieBase | 0x10
	halfBits     = 10                     // log2 of the buckets in each power of two, with three digits
	maxVarint    = 8                      // bytes; HDR's ninth is unlike that of other varints
	maxBuckets   = 34 << halfBits         // more than an hour has
	maxPacked    = maxVarint * maxBuckets // bytes of counts
)

// unpacker keeps what is needed to read the stored text, which is large.
type unpacker struct {
	stored, raw []byte
	source      bytes.Reader
	inflate     io.ReadCloser
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// unpack reads a stored histogram; false says that it is not one of this version's
// buckets, or damaged: the library can tell which.
func unpack(text []byte) (p packed, ok bool) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	if !u.read(text) {
		return packed{}, false
	}
	var h packedHeader
	if n, err := binary.Decode(u.raw, binary.BigEndian, &h); err != nil || h != (packedHeader{
		Cookie: packedCookie, Length: int32(len(u.raw) - n), Offset: h.Offset, Digits: significantDigits,
		Low: 1, High: int64(MaxLatency), Ratio: h.Ratio,
	}) {
		return packed{}, false
	}
	p.counts = bytes.Clone(u.raw[binary.Size(h):])
	return p, p.check()
}

// read decodes and inflates a stored text into u.raw.
func (u *unpacker) read(text []byte) bool {
	u.stored = append(u.stored[:0], text...)
	n, err := base64.StdEncoding.Decode(u.stored, u.stored)
	if err != nil || n < packedPrefix {
		return false
	}
	u.source.Reset(u.stored[packedPrefix:n])
	if u.inflate == nil {
		u.inflate, err = zlib.NewReader(&u.source)
	} else {
		err = u.inflate.(zlib.Resetter).Reset(&u.source, nil)
	}
	if err != nil {
		u.inflate = nil
		return false
	}
	u.raw, err = appendAll(u.raw[:0], io.LimitReader(u.inflate, maxPacked))
	return err == nil && len(u.raw) < maxPacked
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	_, err := buf.ReadFrom(r)
	return buf.Bytes(), err
}

// check sums the counts up, and sees to it that they are readable to the end.
func (p *packed) check() bool {
	bucket := int64(0)
	next := 0 // mark
	for rest := p.counts; len(rest) > 0; {
		if at := len(p.counts) - len(rest); at >= next*(len(p.counts)/len(p.marks)+1) {
			p.marks[next] = mark{int32(at), int32(min(bucket, maxBuckets)), p.total}
			next++
		}
		n, length := varint(rest)
		if length <= 0 || length > maxVarint {
			return false
		}
		rest = rest[length:]
		switch {
		case n < -maxBuckets || bucket > maxBuckets || p.total > math.MaxInt64-max(n, 0):
			return false
		case n < 0:
			bucket -= n
		default:
			bucket++
			p.total += n
		}
	}
	return bucket == 0 || bucket <= maxBuckets && leastOf(bucket-1) <= int64(MaxLatency)
}

// varint is [binary.Varint] of a text that is not empty. Most counts are below 64:
// the first byte is all.
func varint(b []byte) (n int64, length int) {
	if b[0]&0x81 == 0 {
		return int64(b[0] >> 1), 1
	}
	return binary.Varint(b)
}

// buckets yields every bucket that is not empty, from the shortest durations on,
// and its count.
func (p *packed) buckets() iter.Seq2[int64, int64] { return p.from(mark{}) }

func (p *packed) from(m mark) iter.Seq2[int64, int64] {
	return func(yield func(bucket, count int64) bool) {
		bucket := int64(m.bucket)
		for rest := p.counts[m.at:]; len(rest) > 0; {
			n, length := varint(rest)
			rest = rest[length:]
			if n < 0 {
				bucket -= n
				continue
			}
			if n > 0 && !yield(bucket, n) {
				return
			}
			bucket++
		}
	}
}

// leastOf is the least duration in a bucket, and mostOf the most, in nanoseconds.
// Each power of two from 2048 on has 1024 buckets; below, each nanosecond has one.
func leastOf(bucket int64) int64 {
	power := max(0, bucket>>halfBits-1)
	return (bucket - power<<halfBits) << power
}

func mostOf(bucket int64) int64 { return leastOf(bucket+1) - 1 }

// quantile is that of the library: the most that the bucket holds in which the
// rank lies; for 0 the least.
func (p *packed) quantile(q float64) int64 {
	rank := min(max(1, int64(q*100/100*float64(p.total)+0.5)), p.total)
	var start mark
	for _, m := range p.marks {
		if m.before < rank && m.at > start.at {
			start = m
		}
	}
	rank -= start.before
	for bucket, n := range p.from(start) {
		if rank -= n; rank > 0 {
			continue
		}
		if q <= 0 {
			return leastOf(bucket)
		}
		return mostOf(bucket)
	}
	return 0
}

// counters add packed histograms up; those that nobody uses hold zeros.
var counters = sync.Pool{New: func() any { return new([maxBuckets + 1]int64) }}

// pooled adds packed histograms up.
func pooled(all []*Histogram) (p packed) {
	sums := counters.Get().(*[maxBuckets + 1]int64)
	defer counters.Put(sums)
	end := int64(0)
	for _, h := range all {
		for bucket, n := range h.stored.buckets() {
			sums[bucket] += n
			end = max(end, bucket+1)
		}
		p.total += h.stored.total
	}
	empty := int64(0)
	for bucket, n := range sums[:end] {
		if n == 0 {
			empty--
			continue
		}
		if empty < 0 {
			p.counts, empty = binary.AppendVarint(p.counts, empty), 0
		}
		p.counts, sums[bucket] = binary.AppendVarint(p.counts, n), 0
	}
	return p
}

// addTo counts all of it in a histogram of the library.
func (p *packed) addTo(h *hdrhistogram.Histogram) {
	for bucket, n := range p.buckets() {
		if err := h.RecordValues(leastOf(bucket), n); err != nil {
			panic(err) // out of range: excluded by check
		}
	}
}

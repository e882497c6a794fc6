package figure

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"sync"
)

// encode writes an image with at most 256 colours: the most frequent ones, and
// for the blends at the edges of letters and lines the nearest of those.
// Figures are committed with every run, and this makes them half as large.
func encode(w io.Writer, full *image.RGBA) error {
	in := scans.Get().(*scan)
	defer scans.Put(in)
	in.read(full)
	small := &image.Paletted{Pix: in.small[:len(full.Pix)/4], Stride: full.Stride / 4, Rect: full.Rect}
	order := in.frequent()
	var few []uint32
	shown := make([]uint8, len(in.colours)) // of each colour: where what stands for it is in the palette
	for i, k := range order[:min(256, len(order))] {
		few, small.Palette = append(few, in.colours[k]), append(small.Palette, rgba(in.colours[k]))
		shown[k] = uint8(i)
	}
	for _, k := range order[len(few):] {
		shown[k] = nearest(few, in.colours[k])
	}
	next, rest := in.stretches, in.small
	for _, r := range in.rows {
		left := rest
		for _, s := range next[:r.stretches] {
			paint(left, shown[s.colour], int(s.pixels))
			left = left[s.pixels:]
		}
		next = next[r.stretches:]
		one := rest[:small.Stride]
		rest = rest[small.Stride:]
		for range r.times - 1 {
			rest = rest[copy(rest, one):]
		}
	}
	return fast.Encode(w, small)
}

// slack is how much more than it is asked for paint may write.
const slack = 8

// paint sets the first n bytes. Most stretches are short, and eight bytes at a time
// need no loop.
func paint(to []uint8, c uint8, n int) {
	eight := uint64(c) * 0x0101010101010101
	for i := 0; i < n; i += slack {
		binary.LittleEndian.PutUint64(to[i:], eight)
	}
}

// fast is an encoder that is done in half of the usual time, for 8 % more bytes.
var fast = png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: new(buffers)}

// buffers keeps what an encoder needs, 1 MB.
type buffers struct{ sync.Pool }

func (b *buffers) Get() *png.EncoderBuffer {
	kept, _ := b.Pool.Get().(*png.EncoderBuffer) // nil: make one
	return kept
}

func (b *buffers) Put(kept *png.EncoderBuffer) { b.Pool.Put(kept) }

// scans keeps the memory of images that were encoded: 1 MB each.
var scans = sync.Pool{New: func() any { return &scan{known: make(map[uint32]int32)} }}

// scan is an image as its rows: most are as the one above, and most of each are long
// stretches of one colour.
type scan struct {
	known     map[uint32]int32 // colours by what they are
	recent    [256]recent      // some of them, found faster
	small     []uint8          // room for a byte of each pixel, and slack
	rows      []row
	stretches []stretch // of one row after another
	colours   []uint32  // red, green, blue and opacity
	pixels    []int     // of each colour
}

// row is some rows of pixels one below the other that are the same.
type row struct{ stretches, times int }

type stretch struct{ colour, pixels int32 }

// recent is a colour and its place among all, from 1; 0: none yet.
type recent struct {
	colour uint32
	place  int32
}

func (s *scan) read(img *image.RGBA) {
	clear(s.known)
	clear(s.recent[:])
	s.rows, s.stretches, s.colours, s.pixels = s.rows[:0], s.stretches[:0], s.colours[:0], s.pixels[:0]
	s.small = slices.Grow(s.small[:0], len(img.Pix)/4+slack)[:len(img.Pix)/4+slack]
	var above []byte
	for pixels := img.Pix; len(pixels) > 0; pixels = pixels[img.Stride:] {
		this := pixels[:img.Stride]
		if !bytes.Equal(this, above) {
			before := len(s.stretches)
			s.take(this)
			s.rows = append(s.rows, row{stretches: len(s.stretches) - before})
		}
		last := &s.rows[len(s.rows)-1]
		last.times++
		for _, t := range s.stretches[len(s.stretches)-last.stretches:] {
			s.pixels[t.colour] += int(t.pixels)
		}
		above = this
	}
}

// take adds a row.
func (s *scan) take(pixels []byte) {
	for len(pixels) > 0 {
		c := binary.BigEndian.Uint32(pixels)
		n, two := 4, uint64(c)<<32|uint64(c)
		for n+8 <= len(pixels) && binary.BigEndian.Uint64(pixels[n:]) == two {
			n += 8
		}
		for n < len(pixels) && binary.BigEndian.Uint32(pixels[n:]) == c {
			n += 4
		}
		i := s.place(c)
		s.stretches, pixels = append(s.stretches, stretch{i, int32(n / 4)}), pixels[n:]
	}
}

// place is where a colour is among all.
func (s *scan) place(c uint32) int32 {
	last := &s.recent[c*0x9e3779b1>>24]
	if last.colour == c && last.place > 0 {
		return last.place - 1
	}
	i, ok := s.known[c]
	if !ok {
		i = int32(len(s.colours))
		s.known[c], s.colours, s.pixels = i, append(s.colours, c), append(s.pixels, 0)
	}
	*last = recent{c, i + 1}
	return i
}

func rgba(c uint32) color.RGBA {
	return color.RGBA{uint8(c >> 24), uint8(c >> 16), uint8(c >> 8), uint8(c)}
}

// frequent lists the colours by how frequent they are, in an order that depends on
// the image alone.
func (s *scan) frequent() []int {
	order := make([]int, len(s.colours))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.pixels[b], s.pixels[a]), cmp.Compare(s.colours[a], s.colours[b]))
	})
	return order
}

// nearest is the place of the colour that is most like another.
func nearest(few []uint32, c uint32) uint8 {
	best, least := 0, int32(1<<30)
	red, green, blue := int32(c>>24), int32(c>>16&255), int32(c>>8&255)
	for i, f := range few {
		r, g, b := int32(f>>24)-red, int32(f>>16&255)-green, int32(f>>8&255)-blue
		if d := r*r + g*g + b*b; d < least {
			best, least = i, d
		}
	}
	return uint8(best)
}

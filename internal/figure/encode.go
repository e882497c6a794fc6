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
	few := in.frequent(256)
	shown := make([]uint8, len(in.colours)) // of each colour: where what stands for it is in the palette
	for _, c := range few {
		small.Palette = append(small.Palette, rgba(c))
	}
	for i, c := range in.colours {
		shown[i] = nearest(few, c)
	}
	next, rest := in.stretches, small.Pix
	for _, r := range in.rows {
		one := rest[:small.Stride]
		left := one
		for _, s := range next[:r.stretches] {
			for i := range left[:s.pixels] {
				left[i] = shown[s.colour]
			}
			left = left[s.pixels:]
		}
		next = next[r.stretches:]
		for range r.times {
			rest = rest[copy(rest, one):]
		}
	}
	return fast.Encode(w, small)
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
	small     []uint8          // room for a byte of each pixel
	rows      []row
	stretches []stretch // of one row after another
	colours   []uint32  // red, green, blue and opacity
	pixels    []int     // of each colour
}

// row is some rows of pixels one below the other that are the same.
type row struct{ stretches, times int }

type stretch struct{ colour, pixels int32 }

func (s *scan) read(img *image.RGBA) {
	clear(s.known)
	s.rows, s.stretches, s.colours, s.pixels = s.rows[:0], s.stretches[:0], s.colours[:0], s.pixels[:0]
	s.small = slices.Grow(s.small[:0], len(img.Pix)/4)
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
		i, ok := s.known[c]
		if !ok {
			i = int32(len(s.colours))
			s.known[c], s.colours, s.pixels = i, append(s.colours, c), append(s.pixels, 0)
		}
		s.stretches, pixels = append(s.stretches, stretch{i, int32(n / 4)}), pixels[n:]
	}
}

func rgba(c uint32) color.RGBA {
	return color.RGBA{uint8(c >> 24), uint8(c >> 16), uint8(c >> 8), uint8(c)}
}

// frequent returns the most frequent colours of an image, at most n, in an
// order that depends on the image alone.
func (s *scan) frequent(n int) []uint32 {
	order := make([]int, len(s.colours))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.pixels[b], s.pixels[a]), cmp.Compare(s.colours[a], s.colours[b]))
	})
	var few []uint32
	for _, i := range order[:min(n, len(order))] {
		few = append(few, s.colours[i])
	}
	return few
}

func nearest(few []uint32, c uint32) uint8 {
	best, least := 0, int32(1<<30)
	red, green, blue := int32(c>>24), int32(c>>16&255), int32(c>>8&255)
	for i, f := range few {
		r, g, b := int32(f>>24)-red, int32(f>>16&255)-green, int32(f>>8&255)-blue
		if d := r*r + g*g + b*b; d < least {
			best, least = i, d
		}
		if least == 0 {
			break // it is one of them, as nearly all pixels are
		}
	}
	return uint8(best)
}

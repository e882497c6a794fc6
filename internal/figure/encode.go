package figure

import (
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"slices"
)

// encode writes an image with at most 256 colours: the most frequent ones, and
// for the blends at the edges of letters and lines the nearest of those.
// Figures are committed with every run, and this makes them half as large.
func encode(w io.Writer, full *image.RGBA) error {
	small := image.NewPaletted(full.Bounds(), nil)
	stretches := stretches(full.Pix)
	few := frequent(stretches, 256)
	index := make(map[uint32]uint8)
	for i, c := range few {
		index[c] = uint8(i)
		small.Palette = append(small.Palette, rgba(c))
	}
	rest := small.Pix
	for _, s := range stretches {
		at, known := index[s.colour]
		if !known {
			at = nearest(few, s.colour)
			index[s.colour] = at
		}
		for i := range rest[:s.pixels] {
			rest[i] = at
		}
		rest = rest[s.pixels:]
	}
	fast := png.Encoder{CompressionLevel: png.BestSpeed} // in half of the time 8 % larger
	return fast.Encode(w, small)
}

// stretch is some pixels of one colour beside one another: red, green, blue and
// opacity. Most of a figure are long ones.
type stretch struct {
	colour uint32
	pixels int32
}

func stretches(pixels []byte) []stretch {
	const usual = 60 // pixels of a stretch
	out := make([]stretch, 0, len(pixels)/4/usual)
	for len(pixels) > 0 {
		c := binary.BigEndian.Uint32(pixels)
		twice := uint64(c)<<32 | uint64(c)
		n := 4
		for n+8 <= len(pixels) && binary.BigEndian.Uint64(pixels[n:]) == twice {
			n += 8
		}
		for n < len(pixels) && binary.BigEndian.Uint32(pixels[n:]) == c {
			n += 4
		}
		out, pixels = append(out, stretch{c, int32(n / 4)}), pixels[n:]
	}
	return out
}

func rgba(c uint32) color.RGBA {
	return color.RGBA{uint8(c >> 24), uint8(c >> 16), uint8(c >> 8), uint8(c)}
}

// frequent returns the most frequent colours of an image, at most n, in an
// order that depends on the image alone.
func frequent(stretches []stretch, n int) []uint32 {
	count := make(map[uint32]int)
	for _, s := range stretches {
		count[s.colour] += int(s.pixels)
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b uint32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	return colours[:min(n, len(colours))]
}

func nearest(few []uint32, c uint32) uint8 {
	best, least := 0, 1<<30
	for i, f := range few {
		r, g, b := int(f>>24)-int(c>>24), int(f>>16&255)-int(c>>16&255), int(f>>8&255)-int(c>>8&255)
		if d := r*r + g*g + b*b; d < least {
			best, least = i, d
		}
	}
	return uint8(best)
}

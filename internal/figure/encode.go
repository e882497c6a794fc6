package figure

import (
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"maps"
	"slices"
)

// encode writes an image with at most 256 colours: the most frequent ones, and
// for the blends at the edges of letters and lines the nearest of those.
// Figures are committed with every run, and this makes them half as large.
func encode(w io.Writer, img image.Image) error {
	b := img.Bounds()
	full, ok := img.(*image.RGBA)
	if !ok || full.Stride != 4*b.Dx() {
		full = image.NewRGBA(b)
		draw.Draw(full, b, img, b.Min, draw.Src)
	}
	small := image.NewPaletted(b, nil)
	few := frequent(full, 256)
	index := make(map[uint32]uint8)
	for i, c := range few {
		index[c] = uint8(i)
		small.Palette = append(small.Palette, rgba(c))
	}
	last, at := few[0], uint8(0) // most pixels look like their neighbour
	for i := range small.Pix {
		if c := pixel(full, i); c != last {
			var known bool
			if at, known = index[c]; !known {
				at = nearest(few, c)
				index[c] = at
			}
			last = c
		}
		small.Pix[i] = at
	}
	return png.Encode(w, small)
}

// pixel is the i-th pixel, row by row: red, green, blue and opacity.
func pixel(img *image.RGBA, i int) uint32 { return binary.BigEndian.Uint32(img.Pix[4*i:]) }

func rgba(c uint32) color.RGBA {
	return color.RGBA{uint8(c >> 24), uint8(c >> 16), uint8(c >> 8), uint8(c)}
}

// frequent returns the most frequent colours of an image, at most n, in an
// order that depends on the image alone.
func frequent(img *image.RGBA, n int) []uint32 {
	count := make(map[uint32]int)
	run, last := 0, pixel(img, 0)
	for i := range len(img.Pix) / 4 {
		c := pixel(img, i)
		if c != last {
			count[last] += run
			run, last = 0, c
		}
		run++
	}
	count[last] += run
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

package figure

import (
	"cmp"
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
	var few []color.RGBA
	index := make(map[color.RGBA]uint8)
	for i, c := range frequent(full, 256) {
		few = append(few, c)
		index[c] = uint8(i)
		small.Palette = append(small.Palette, c)
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

// pixel is the i-th pixel, row by row.
func pixel(img *image.RGBA, i int) color.RGBA {
	p := img.Pix[4*i : 4*i+4 : 4*i+4]
	return color.RGBA{p[0], p[1], p[2], p[3]}
}

// frequent returns the most frequent colours of an image, at most n, in an
// order that depends on the image alone.
func frequent(img *image.RGBA, n int) []color.RGBA {
	count := make(map[color.RGBA]int)
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
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B), cmp.Compare(a.A, b.A))
	})
	return colours[:min(n, len(colours))]
}

func nearest(few []color.RGBA, c color.RGBA) uint8 {
	best, least := 0, 1<<30
	for i, f := range few {
		r, g, b := int(f.R)-int(c.R), int(f.G)-int(c.G), int(f.B)-int(c.B)
		if d := r*r + g*g + b*b; d < least {
			best, least = i, d
		}
	}
	return uint8(best)
}

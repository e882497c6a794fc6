package figure_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"dyno/internal/figure"
)

func draw(t *testing.T, c figure.Chart) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := figure.Draw(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// count counts the pixels of a colour.
func count(img image.Image, want color.RGBA) int {
	n := 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.RGBAModel.Convert(img.At(x, y)) == want {
				n++
			}
		}
	}
	return n
}

var (
	blue   = color.RGBA{0x00, 0x72, 0xB2, 0xFF}
	orange = color.RGBA{0xE6, 0x9F, 0x00, 0xFF}
	black  = color.RGBA{0, 0, 0, 0xFF}
)

func TestSameChartSameBytes(t *testing.T) {
	for name, c := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := draw(t, c)
			if !bytes.Equal(first, draw(t, c)) {
				t.Error("the same chart gave different bytes")
			}
			img := decode(t, first)
			if b := img.Bounds(); b.Dx() != 1200 || b.Dy() < 500 || b.Dy() > 2000 {
				t.Errorf("the image measures %v", b)
			}
			checkMargins(t, img)
		})
	}
}

// checkMargins fails when anything touches the edge of the image: what does
// has probably been cut off.
func checkMargins(t *testing.T, img image.Image) {
	t.Helper()
	const edge = 6 // pixels
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			inside := x >= edge && x < b.Max.X-edge && y >= edge && y < b.Max.Y-edge
			if !inside && color.RGBAModel.Convert(img.At(x, y)) != (color.RGBA{255, 255, 255, 255}) {
				t.Fatalf("something is drawn at %d,%d, at the edge of %v", x, y, b)
			}
		}
	}
}

// twoBars is a chart of two series; edit changes the second one's point.
func twoBars(kind string, edit func(*figure.Point)) figure.Chart {
	second := figure.Point{Y: 10, Lo: 10, Hi: 10}
	edit(&second)
	c := figure.Chart{Kind: kind, Title: "t", X: figure.Axis{Label: "x"}, Y: figure.Axis{Label: "y (ms)"}, Legend: "s", Panels: []figure.Panel{{
		Categories: []string{"a"}, X: []float64{1},
		Series: []figure.Series{
			{Name: "one", Color: 0, Points: []figure.Point{{Y: 10, Lo: 10, Hi: 10}}},
			{Name: "two", Color: 1, Points: []figure.Point{second}},
		},
	}}}
	return c
}

func TestMissingPointsAreNotDrawn(t *testing.T) {
	for _, kind := range []string{"bars", "lines", "members"} {
		full := decode(t, draw(t, twoBars(kind, func(*figure.Point) {})))
		for _, edit := range []func(*figure.Point){
			func(p *figure.Point) { p.Missing = "not measured" },
			func(p *figure.Point) { p.Absent = true },
		} {
			gap := decode(t, draw(t, twoBars(kind, edit)))
			if count(gap, blue) < count(full, blue)/2 {
				t.Errorf("%s: the first series vanished too", kind)
			}
			if have, had := count(gap, orange), count(full, orange); have >= had {
				t.Errorf("%s: %d orange pixels with a gap, %d without", kind, have, had)
			}
		}
	}
}

// A bar of nothing is told from one that was never planned.
func TestZeroIsNotAbsent(t *testing.T) {
	for _, kind := range []string{"bars", "members"} {
		zero := draw(t, twoBars(kind, func(p *figure.Point) { p.Y, p.Lo, p.Hi = 0, 0, 0 }))
		if bytes.Equal(zero, draw(t, twoBars(kind, func(p *figure.Point) { p.Absent = true }))) {
			t.Errorf("%s: zero looks as if it were absent", kind)
		}
	}
}

// Lines, bands and their names are there, and nothing is where there is none.
func TestTimeline(t *testing.T) {
	c := samples()["timeline"]
	c.Panels = c.Panels[:1]
	full := decode(t, draw(t, c))
	if count(full, blue) < 500 || count(full, orange) < 500 {
		t.Errorf("%d blue and %d orange pixels", count(full, blue), count(full, orange))
	}
	band := color.RGBA{0xF0, 0xF2, 0xF5, 0xFF}
	c.Panels[0].Bands = nil
	bare := decode(t, draw(t, c))
	if have, without := count(full, band), count(bare, band); have < 20000 || without > 0 {
		t.Errorf("%d pixels of bands, %d without any", have, without)
	}
}

func TestTheoryIsDrawn(t *testing.T) {
	theory := 7.0
	for _, kind := range []string{"bars", "lines", "members"} {
		without := count(decode(t, draw(t, twoBars(kind, func(*figure.Point) {}))), black)
		with := count(decode(t, draw(t, twoBars(kind, func(p *figure.Point) { p.Theory = &theory }))), black)
		if with < without+50 {
			t.Errorf("%s: %d black pixels with theory, %d without", kind, with, without)
		}
	}
}

func TestTheoryAloneIsDrawn(t *testing.T) {
	theory := 7.0
	img := decode(t, draw(t, twoBars("bars", func(p *figure.Point) { p.Missing, p.Theory = "not measured", &theory })))
	if n := count(img, black); n < 50 {
		t.Errorf("%d black pixels", n)
	}
}

func TestBarHeightsAreProportional(t *testing.T) {
	tall := count(decode(t, draw(t, twoBars("bars", func(*figure.Point) {}))), orange)
	half := count(decode(t, draw(t, twoBars("bars", func(p *figure.Point) { p.Y, p.Lo, p.Hi = 5, 5, 5 }))), orange)
	legend := count(decode(t, draw(t, twoBars("bars", func(p *figure.Point) { p.Absent = true }))), orange)
	if ratio := float64(half-legend) / float64(tall-legend); math.Abs(ratio-0.5) > 0.03 {
		t.Errorf("half the value has %.2f of the area: the axis does not start at 0", ratio)
	}
}

// inked counts the dark pixels, which outlines and whiskers are made of.
func inked(t *testing.T, c figure.Chart) int {
	t.Helper()
	return count(decode(t, draw(t, c)), color.RGBA{0x22, 0x22, 0x22, 0xFF})
}

func TestIntervalsHaveCapsAndRangesHaveNot(t *testing.T) {
	for _, kind := range []string{"bars", "lines", "members"} {
		ink := func(edit func(*figure.Point)) int {
			c := twoBars(kind, edit)
			c.Panels[0].Series[0].Points[0] = figure.Point{Y: 1, Lo: 1, Hi: 1} // so that the axis starts at 0
			return inked(t, c)
		}
		alone := ink(func(*figure.Point) {})
		capped := ink(func(p *figure.Point) { p.Lo, p.Hi = 6, 11 })
		bare := ink(func(p *figure.Point) { p.Lo, p.Hi, p.Bare = 6, 11, true })
		if bare <= alone || capped <= bare {
			t.Errorf("%s: %d dark pixels without a whisker, %d with a bare one, %d with caps", kind, alone, bare, capped)
		}
	}
}

func TestLinesBreakAtMissingPoints(t *testing.T) {
	chart := func(middle figure.Point) figure.Chart {
		return figure.Chart{Kind: "lines", Title: "t", X: figure.Axis{Label: "x"}, Y: figure.Axis{Label: "y"}, Panels: []figure.Panel{{
			Categories: []string{"1", "2", "3"}, X: []float64{1, 2, 3},
			Series: []figure.Series{{Color: 0, Points: []figure.Point{{Y: 5, Lo: 5, Hi: 5}, middle, {Y: 5, Lo: 5, Hi: 5}}}},
		}}}
	}
	joined := count(decode(t, draw(t, chart(figure.Point{Absent: true}))), blue)
	broken := count(decode(t, draw(t, chart(figure.Point{Missing: "not measured"}))), blue)
	if broken > joined/2 {
		t.Errorf("%d blue pixels across a missing point, %d across one that was never planned", broken, joined)
	}
}

func TestZeroOnALogarithmicAxisIsMarked(t *testing.T) {
	for _, kind := range []string{"bars", "lines", "members"} {
		zero := twoBars(kind, func(p *figure.Point) { *p = figure.Point{} })
		zero.Y.Log = true
		gone := twoBars(kind, func(p *figure.Point) { *p = figure.Point{Absent: true} })
		gone.Y.Log = true
		if bytes.Equal(draw(t, zero), draw(t, gone)) {
			t.Errorf("%s: zero looks like a cell that was never planned", kind)
		}
	}
}

func TestChartsThatAreRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		want string
		edit func(*figure.Chart)
	}{
		{`kind "pie" is not one of bars, lines, members, timeline`, func(c *figure.Chart) { c.Kind = "pie" }},
		{"no panel", func(c *figure.Chart) { c.Panels = nil }},
		{"is empty", func(c *figure.Chart) { c.Panels[0].Series = nil }},
		{"2 positions for 1 categories", func(c *figure.Chart) { c.Panels[0].X = []float64{1, 2} }},
		{"position is not finite", func(c *figure.Chart) { c.Panels[0].X = []float64{nan} }},
		{"0 points for 1 categories", func(c *figure.Chart) { c.Panels[0].Series[1].Points = nil }},
		{`series "one", a: NaN`, func(c *figure.Chart) { c.Panels[0].Series[0].Points[0].Y = nan }},
		{"is not finite", func(c *figure.Chart) { c.Panels[0].Series[0].Points[0].Hi = inf }},
		{"theory +Inf", func(c *figure.Chart) { c.Panels[0].Series[0].Points[0].Theory = &inf }},
		{`band "b" is from 2 to 1`, func(c *figure.Chart) { c.Panels[0].Bands = []figure.Band{{"b", 2, 1}} }},
		{"does not contain 10", func(c *figure.Chart) { c.Panels[0].Series[0].Points[0].Lo = 11 }},
	} {
		chart := twoBars("lines", func(*figure.Point) {})
		c.edit(&chart)
		var b bytes.Buffer
		if err := figure.Draw(&b, chart); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if b.Len() > 0 {
			t.Errorf("%s: wrote %d bytes all the same", c.want, b.Len())
		}
	}
}

func TestKinds(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range figure.Kinds {
		if k.Name == "" || k.Help == "" || k.Of == "" || seen[k.Name] {
			t.Errorf("kind %+v is incomplete or comes twice", k.Name)
		}
		seen[k.Name] = true
		if got, ok := figure.Lookup(k.Name); !ok || got.Name != k.Name {
			t.Errorf("Lookup(%q) fails", k.Name)
		}
	}
	if _, ok := figure.Lookup("pie"); ok {
		t.Error("Lookup finds what is not there")
	}
}

func BenchmarkDraw(b *testing.B) {
	c := samples()["members-twelve"]
	for b.Loop() {
		if err := figure.Draw(io.Discard, c); err != nil {
			b.Fatal(err)
		}
	}
}

package figure

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func chartOf(values []float64, log bool) *Chart {
	c := &Chart{Y: Axis{Log: log}, Panels: []Panel{{Series: []Series{{}}}}}
	for _, v := range values {
		c.Panels[0].Categories = append(c.Panels[0].Categories, "x")
		c.Panels[0].Series[0].Points = append(c.Panels[0].Series[0].Points, Point{Y: v, Lo: v, Hi: v})
	}
	return c
}

// Whatever the values: all of them on the axis, a few ticks, increasing, with
// labels that differ.
func TestAnyAxisHoldsItsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exponent := rapid.IntRange(-9, 9).Draw(t, "exponent")
		values := rapid.SliceOfN(rapid.Float64Range(-1, 10), 1, 8).Draw(t, "values")
		for i := range values {
			values[i] *= math.Pow10(exponent)
		}
		log, fromZero := rapid.Bool().Draw(t, "log"), rapid.Bool().Draw(t, "from zero")
		s := yspan(chartOf(values, log), fromZero)
		if !finite(s.lo, s.hi) || s.lo >= s.hi {
			t.Fatalf("range %v … %v", s.lo, s.hi)
		}
		for _, v := range values {
			if n := s.norm(v); n < -1e-9 || n > 1+1e-9 {
				t.Fatalf("%v stands at %v of %v … %v", v, n, s.lo, s.hi)
			}
		}
		if fromZero && !s.log && (s.lo > 0 || s.hi < 0) {
			t.Fatalf("%v … %v leaves out zero", s.lo, s.hi)
		}
		checkTicks(t, s)
	})
}

func checkTicks(t *rapid.T, s span) {
	labels := make(map[string]bool)
	for i, tick := range s.ticks {
		if i > 0 && tick.Value <= s.ticks[i-1].Value {
			t.Fatalf("ticks do not increase: %+v", s.ticks)
		}
		if n := s.norm(tick.Value); n < -1e-6 || n > 1+1e-6 {
			t.Fatalf("tick %v lies off the axis %v … %v", tick.Value, s.lo, s.hi)
		}
		if tick.Label != "" && labels[tick.Label] {
			t.Fatalf("label %s comes twice: %+v", tick.Label, s.ticks)
		}
		if tick.Label != "" {
			labels[tick.Label] = true
		}
	}
	if n := len(labels); n < 2 || n > 12 {
		t.Fatalf("%d labels: %+v", n, s.ticks)
	}
}

func TestHeadRoom(t *testing.T) {
	c := chartOf([]float64{90}, false)
	c.Panels[0].Series[0].Points[0].Hi = 100
	if s := yspan(c, true); s.lo != 0 || s.norm(100) > 0.95 {
		t.Errorf("the whisker ends at %v of the axis; want room above it", s.norm(100))
	}
	theory := 200.0
	c.Panels[0].Series[0].Points[0].Theory = &theory
	if s := yspan(c, true); s.norm(theory) > 0.95 {
		t.Errorf("theory stands at %v of the axis", s.norm(theory))
	}
}

func TestLinesMayLeaveOutZero(t *testing.T) {
	narrow := chartOf([]float64{97, 98}, false)
	if s := yspan(narrow, false); s.lo < 90 {
		t.Errorf("values 97 and 98 on an axis from %v: squeezed", s.lo)
	}
	if s := yspan(narrow, true); s.lo != 0 {
		t.Errorf("bars begin at %v", s.lo)
	}
	if s := yspan(chartOf([]float64{50, 98}, false), false); s.lo != 0 {
		t.Errorf("values 50 and 98 on an axis from %v; want 0", s.lo)
	}
}

func TestGapsDoNotStretchTheAxis(t *testing.T) {
	c := chartOf([]float64{5, 1e6, 1e7}, false)
	c.Panels[0].Series[0].Points[1].Missing = "not measured"
	c.Panels[0].Series[0].Points[2].Absent = true
	if s := yspan(c, true); s.hi > 6 {
		t.Errorf("axis to %v for one value of 5", s.hi)
	}
}

// An axis that cannot be logarithmic says so.
func TestLogWithoutPositiveValuesIsLinear(t *testing.T) {
	for _, values := range [][]float64{{0}, {0, 0}, {-1, 0}} {
		c := chartOf(values, true)
		if s := yspan(c, true); s.log || s.note == "" {
			t.Errorf("%v on a logarithmic axis, or without a note: %+v", values, s)
		}
		c.Kind, c.Panels[0].Series[0].Name = "bars", "a"
		if notes := notesOf(t, c); !strings.Contains(notes, "The y axis is linear") {
			t.Errorf("%v: the figure says %q", values, notes)
		}
	}
	if s := yspan(chartOf([]float64{0}, false), true); s.note != "" {
		t.Errorf("an axis that was to be linear says %q", s.note)
	}
}

func notesOf(t *testing.T, c *Chart) string {
	t.Helper()
	kind, ok := Lookup(c.Kind)
	if !ok {
		t.Fatal("no kind", c.Kind)
	}
	return strings.Join(newSheet(kind, c).notes, " ")
}

// A value without a logarithm is named under the figure, on either axis.
func TestLogNamesWhatHasNoLogarithm(t *testing.T) {
	for _, c := range []struct {
		kind   string
		x, y   []float64
		theory float64
		want   string
	}{
		{"bars", nil, []float64{0, 5}, 1, "the value is zero, which"},
		{"bars", nil, []float64{-3, 5}, 1, "zero or negative, which"},
		{"bars", nil, []float64{3, 5}, 0, "Theory at the foot"},
		{"lines", []float64{1, 2}, []float64{0, 5}, 1, "the value is zero, which"},
		{"lines", []float64{1, 2}, []float64{-2, 5}, 1, "zero or negative, which"},
		{"lines", []float64{0, 2}, []float64{1, 5}, 1, "The x axis is linear, though a logarithmic one was asked for: 0 has no logarithm."},
		{"lines", []float64{-10, 2}, []float64{1, 5}, 1, "-10 has no logarithm"},
		{"lines", nil, []float64{1, 5}, 1, "levels are not numbers"},
		{"lines", []float64{1, 2}, []float64{1, 5}, 1, ""},
		{"bars", nil, []float64{1, 5}, 1, ""},
	} {
		chart := chartOf(c.y, true)
		chart.Kind, chart.X.Log, chart.Panels[0].X = c.kind, c.kind == "lines", c.x
		chart.Panels[0].Series[0].Points[0].Theory = &c.theory
		switch notes := notesOf(t, chart); {
		case c.want == "" && notes != "":
			t.Errorf("%+v: the figure says %q", c, notes)
		case !strings.Contains(notes, c.want):
			t.Errorf("%+v: the figure says %q", c, notes)
		}
	}
}

// Within a decade too a logarithmic axis has a range and labels to read it by.
func TestLogWithinADecade(t *testing.T) {
	for _, values := range [][]float64{{1}, {1.1}, {1, 1.2}, {3, 4}, {9.9, 9.99}, {1e-7, 1.1e-7}, {2e8, 2.1e8}} {
		for _, bars := range []bool{true, false} {
			s := yspan(chartOf(values, true), bars)
			labels := 0
			for _, tick := range s.ticks {
				if n := s.norm(tick.Value); tick.Label != "" && n > -1e-6 && n < 1+1e-6 {
					labels++
				}
			}
			if !s.log || labels < 2 || s.lo <= 0 || s.lo >= s.hi {
				t.Errorf("%v, bars %v: %d labels on %v … %v", values, bars, labels, s.lo, s.hi)
			}
		}
	}
	if s := xspan([]float64{3}, true); !s.log || s.lo >= s.hi || s.note != "" {
		t.Errorf("one position: %+v", s)
	}
}

func TestTickLabels(t *testing.T) {
	for _, c := range []struct {
		v, step float64
		want    string
	}{
		{0, 5, "0"},
		{0.30000000000000004, 0.1, "0.3"},
		{1000, 500, "1000"},
		{12500, 2500, "12,500"},
		{-20000, 5000, "-20,000"},
		{8e6, 2e6, "8,000,000"},
		{2e9, 1e9, "2e+09"},
		{2e-5, 1e-5, "2e-05"},
		{0.25, 0.25, "0.25"},
		{0.5, 0.25, "0.50"},
	} {
		if got := tickLabel(c.v, c.step); got != c.want {
			t.Errorf("tickLabel(%v, %v) = %s, want %s", c.v, c.step, got, c.want)
		}
	}
}

func TestNeighbouringColoursDifferOnPaper(t *testing.T) {
	for i := 1; i < len(palette); i++ {
		if d := math.Abs(luminance(palette[i]) - luminance(palette[i-1])); d < 0.1 {
			t.Errorf("colours %d and %d differ by %.2f in luminance", i-1, i, d)
		}
	}
}

func TestLevelsLookDifferent(t *testing.T) {
	seen := make(map[string]int)
	for i := range 20 {
		s := styleOf(i)
		look := strings.Join([]string{hexOf(s), string(rune('0' + s.hatch))}, "/")
		if j, ok := seen[look]; ok {
			t.Errorf("levels %d and %d have the same bars", j, i)
		}
		seen[look] = i
	}
}

// Colours beyond 256 become the nearest of those kept, and what covers areas
// stays as it is.
func TestEncodeKeepsColours(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 256, 40))
	for y := range 40 {
		for x := range 256 {
			c := color.RGBA{uint8(x), uint8(7 * y), uint8(255 - x), 255}
			if y >= 20 {
				c = palette[0]
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := encode(&out, img); err != nil {
		t.Fatal(err)
	}
	decoded, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	got := decoded.(*image.Paletted)
	var kept []uint32
	for _, c := range got.Palette {
		c := c.(color.RGBA)
		kept = append(kept, uint32(c.R)<<24|uint32(c.G)<<16|uint32(c.B)<<8|uint32(c.A))
	}
	if len(kept) != 256 {
		t.Errorf("%d colours", len(kept))
	}
	for i := range got.Pix {
		want, have := binary.BigEndian.Uint32(img.Pix[4*i:]), kept[got.Pix[i]]
		if near := kept[nearest(kept, want)]; squared(rgba(want), rgba(have)) > squared(rgba(want), rgba(near)) {
			t.Fatalf("%08x became %08x, and %08x is nearer", want, have, near)
		}
	}
	if c := got.At(5, 30); c != palette[0] {
		t.Errorf("the main colour became %v", c)
	}
}

func squared(a, b color.RGBA) float64 {
	return math.Pow(float64(a.R)-float64(b.R), 2) + math.Pow(float64(a.G)-float64(b.G), 2) + math.Pow(float64(a.B)-float64(b.B), 2)
}

func hexOf(s style) string {
	return string([]byte{s.fill.R, s.fill.G, s.fill.B})
}

func TestWrapName(t *testing.T) {
	st := lettering(tickSize, ink)
	width := st.Width("weighted_round_") + 1
	got := wrapName(st, width, "weighted_round_robin")
	if len(got) != 2 || got[0] != "weighted_round_" || got[1] != "robin" {
		t.Errorf("got %q", got)
	}
	if got = wrapName(st, st.Width("b2<->b1,"), "b2<->b1,b3"); len(got) != 2 || got[0] != "b2<->b1," {
		t.Errorf("an arrow was broken: %q", got)
	}
}

package link_test

import (
	"io"
	"net"
	"testing"
	"time"

	"dyno/bench/link"
)

// sides are what the benchmarks compare.
var sides = []struct {
	name  string
	rules *link.Rules // nil: no link
}{
	{"direct", nil},
	{"link", &link.Rules{}},
	{"link-1ms", &link.Rules{Forward: link.Path{Delay: time.Millisecond}, Back: link.Path{Delay: time.Millisecond}}},
}

// dialSide connects to an echo server, through a link if there are rules.
func dialSide(b *testing.B, rules *link.Rules) net.Conn {
	addr := echoServer(b)
	if rules != nil {
		addr = newLink(b, link.Options{Target: addr, Rules: *rules}).Addr()
	}
	return dial(b, addr)
}

// BenchmarkRoundTrip is the time of one byte there and back.
func BenchmarkRoundTrip(b *testing.B) {
	for _, side := range sides {
		b.Run("via="+side.name, func(b *testing.B) {
			c := dialSide(b, side.rules)
			var buf [1]byte
			for b.Loop() {
				if _, err := c.Write(buf[:]); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThroughput sends blocks of 64 KiB and receives them back.
func BenchmarkThroughput(b *testing.B) {
	const block = 64 << 10
	for _, side := range sides {
		b.Run("via="+side.name, func(b *testing.B) {
			c := dialSide(b, side.rules)
			b.SetBytes(block)
			done := make(chan error, 1)
			go func() {
				buf := make([]byte, block)
				var err error
				for range b.N {
					if _, err = c.Write(buf); err != nil {
						break
					}
				}
				done <- err
			}()
			if _, err := io.CopyN(io.Discard, c, int64(b.N)*block); err != nil {
				b.Fatal(err)
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

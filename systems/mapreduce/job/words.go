package job

import (
	"unicode"
	"unicode/utf8"
)

// words iterates over a block's words: maximal runs of letters
// (unicode.IsLetter), case kept. Bytes that are not UTF-8 separate words.
type words struct{ block, word []byte }

func (w *words) next() bool {
	start := -1
	for i := 0; i < len(w.block); {
		r, size := rune(w.block[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(w.block[i:])
		}
		if letter := unicode.IsLetter(r); letter && start < 0 {
			start = i
		} else if !letter && start >= 0 {
			w.word, w.block = w.block[start:i], w.block[i:]
			return true
		}
		i += size
	}
	if start < 0 {
		w.block = nil
		return false
	}
	w.word, w.block = w.block[start:], nil
	return true
}

// cutWords finds the last place in a block where no word and no rune can
// straddle: after an ASCII byte that is no letter.
func cutWords(block []byte) int {
	for i := len(block) - 1; i >= 0; i-- {
		if b := block[i]; b < utf8.RuneSelf && !unicode.IsLetter(rune(b)) {
			return i + 1
		}
	}
	return 0
}

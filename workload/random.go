package workload

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// random is a generator of its own for each purpose, so that what one part
// draws does not shift what another one gets.
func random(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Share is a part of a whole, in percent.
type Share[T any] struct {
	Percent int
	Of      T
}

// apportion gives each of n places the index of a share, in random order: of
// every share exactly percent·n/100, rounded down, and what is left over by
// rounding to the given one. It panics on shares that are no parts of a whole,
// which is a mistake in the program.
func apportion[T any](n int, shares []Share[T], rest int, r *rand.Rand) []uint8 {
	total := 0
	for _, s := range shares {
		if total += s.Percent; s.Percent < 0 || total > 100 || len(shares) > 256 {
			panic(fmt.Sprintf("workload: %d shares, of which one is %d %% and the sum %d %%", len(shares), s.Percent, total))
		}
	}
	places := make([]uint8, 0, n)
	for i, s := range shares {
		if i == rest {
			continue
		}
		for range n * s.Percent / 100 {
			places = append(places, uint8(i))
		}
	}
	for len(places) < n {
		places = append(places, uint8(rest))
	}
	r.Shuffle(n, func(i, j int) { places[i], places[j] = places[j], places[i] })
	return places
}

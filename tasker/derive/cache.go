package derive

import (
	"math"
	"time"
)

// Cache are the parameters of a cache whose entries live longer the more they
// are worth, from the engine's section cache.
type Cache struct {
	// DefaultTTL is the lifetime, in seconds, that nothing is known about.
	// Defaults to 300.
	DefaultTTL int64
	// AdaptiveTTLEnabled lets use change the lifetime. Defaults to true.
	AdaptiveTTLEnabled bool
	// MinAdaptiveTTL and MaxAdaptiveTTL bound an adapted lifetime, in seconds.
	// Default to 30 and 3600.
	MinAdaptiveTTL int64
	MaxAdaptiveTTL int64
}

// DefaultCache gives the engine's defaults.
func DefaultCache() Cache {
	return Cache{DefaultTTL: 300, AdaptiveTTLEnabled: true, MinAdaptiveTTL: 30, MaxAdaptiveTTL: 3600}
}

// CacheUse is what is known about how an entry is used.
type CacheUse struct {
	HitRate    float64       // 0..1
	Generating time.Duration // how long it takes to generate the entry
	Asked      int64         // how often it was asked for
}

// AdaptiveTTL is an entry's lifetime in seconds, rounded: the base × 1.5 at a
// hit rate above 0.8, × 0.7 below 0.3 (not at 0); × 1.3 when generating takes
// more than 1 s, × 0.8 below 0.1 s; × 1.2 when asked more than 100 times,
// × 0.9 below 5; within the bounds. Without adaption it is the base.
func (c *Cache) AdaptiveTTL(base int64, use CacheUse) int64 {
	if !c.AdaptiveTTLEnabled {
		return base
	}
	ttl := float64(base)
	switch {
	case use.HitRate > 0.8:
		ttl *= 1.5
	case use.HitRate > 0 && use.HitRate < 0.3:
		ttl *= 0.7
	}
	switch {
	case use.Generating > time.Second:
		ttl *= 1.3
	case use.Generating < 100*time.Millisecond:
		ttl *= 0.8
	}
	switch {
	case use.Asked > 100:
		ttl *= 1.2
	case use.Asked < 5:
		ttl *= 0.9
	}
	ttl = min(max(ttl, float64(c.MinAdaptiveTTL)), float64(c.MaxAdaptiveTTL))
	return int64(math.Round(ttl))
}

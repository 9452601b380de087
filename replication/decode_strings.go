package replication

// interner gives equal strings the same memory, because the states, names and
// initiators of a million rows are a handful of strings. Long strings and those
// that come when it is full are not kept. It is for one goroutine.
type interner struct{ known map[string]string }

const (
	internLongest = 128
	internMost    = 8192
)

func newInterner() *interner { return &interner{known: make(map[string]string, 64)} }

func (i *interner) intern(b []byte) string {
	if s, ok := i.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) <= internLongest && len(i.known) < internMost {
		i.known[s] = s
	}
	return s
}

package readiness

// names holds the rows of one of the small tables.
type names struct {
	pages tree[namePage]
	byID  ids
	last  uint32
}

func (n *names) freeze() {
	n.pages.freeze()
	n.byID.freeze()
}

func (n *names) at(number uint32) *name {
	return &n.pages.get(uint64(number >> nameBits))[number&(1<<nameBits-1)]
}

func (n *names) edit(number uint32) *name {
	return &n.pages.edit(uint64(number >> nameBits))[number&(1<<nameBits-1)]
}

// ensure is the number of an id, made where there is none. It is never given
// back: the tables are small and their rows stay.
func (n *names) ensure(id int64) uint32 {
	number := n.byID.get(id)
	if number == 0 {
		n.last++
		number = n.last
		n.byID.set(id, number)
		n.edit(number).id = id
	}
	return number
}

// use adds to the count of what refers to a name.
func (n *names) use(number uint32, delta int32) {
	n.edit(number).uses += uint32(delta)
}

// each calls f with every name that has a row.
func (n *names) each(f func(number uint32, m *name)) {
	for number := uint32(1); number <= n.last; number++ {
		if m := n.at(number); m.row {
			f(number, m)
		}
	}
}

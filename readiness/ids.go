package readiness

const idBits = 6

type idPage [1 << idBits]uint32

// ids finds the dense number of a key of the database. Keys come from
// sequences, so a radix tree over them costs little more than four bytes an
// entry, needs no hashing and no rebuilding as it grows, and keeps new keys
// next to each other. Keys scattered at random cost more memory, no more.
// Number 0 stands for none.
type ids struct {
	tree[idPage]
	count int
}

func (m *ids) get(id int64) uint32 {
	key := uint64(id)
	if p := m.tree.get(key >> idBits); p != nil {
		return p[key&(1<<idBits-1)]
	}
	return 0
}

func (m *ids) set(id int64, number uint32) {
	key := uint64(id)
	slot := &m.edit(key >> idBits)[key&(1<<idBits-1)]
	if *slot == 0 {
		m.count++
	}
	*slot = number
}

func (m *ids) remove(id int64) {
	if m.get(id) == 0 {
		return
	}
	key := uint64(id)
	page := m.edit(key >> idBits)
	page[key&(1<<idBits-1)] = 0
	m.count--
	if *page == (idPage{}) {
		m.drop(key >> idBits)
	}
}

// all calls f with every entry, ascending by key (negative keys last), until
// it says false.
func (m *ids) all(f func(id int64, number uint32) bool) bool {
	return m.each(func(key uint64, page *idPage) bool {
		for i, number := range page {
			if number != 0 && !f(int64(key<<idBits|uint64(i)), number) {
				return false
			}
		}
		return true
	})
}

package readiness

import (
	"iter"
	"sort"
)

// members are the numbers of a task's steps, ascending by id. Steps of a task
// mostly come together, and get numbers that follow each other: then the first
// number and how many there are say it all. Otherwise there is a list, which
// older versions share: appending behind their end is safe, anything else makes
// a new one.
type members struct {
	first, count uint32
	list         *[]uint32
}

func (m *members) len() int { return int(m.count) }

func (m *members) at(i int) uint32 {
	if m.list != nil {
		return (*m.list)[i]
	}
	return m.first + uint32(i)
}

// all gives the positions and numbers.
func (m *members) all() iter.Seq2[int, uint32] {
	return func(yield func(int, uint32) bool) {
		for i := range m.len() {
			if !yield(i, m.at(i)) {
				return
			}
		}
	}
}

func (m *members) appendTo(list []uint32) []uint32 {
	for _, n := range m.all() {
		list = append(list, n)
	}
	return list
}

// insert puts a number at a position.
func (m *members) insert(at int, n uint32) {
	switch {
	case m.count == 0:
		*m = members{first: n, count: 1}
		return
	case m.list == nil && at == m.len() && n == m.first+m.count:
		m.count++
		return
	}
	var list []uint32
	if m.list != nil && at == m.len() {
		list = append(*m.list, n)
	} else {
		list = make([]uint32, 0, m.len()+1)
		for i, other := range m.all() {
			if i == at {
				list = append(list, n)
			}
			list = append(list, other)
		}
		if at == m.len() {
			list = append(list, n)
		}
	}
	m.list = &list
	m.count++
}

// remove takes out the number at a position.
func (m *members) remove(at int) {
	last := m.len() - 1
	switch {
	case last == 0:
		*m = members{}
		return
	case m.list == nil && at == last:
	case m.list == nil && at == 0:
		m.first++
	case m.list != nil && at == 0:
		list := (*m.list)[1:]
		m.list = &list
	case m.list != nil && at == last:
		list := (*m.list)[:last:last]
		m.list = &list
	default:
		list := make([]uint32, 0, last)
		for i, n := range m.all() {
			if i != at {
				list = append(list, n)
			}
		}
		m.list = &list
	}
	m.count--
}

// place is where a step of the given id stands in its task or would stand, and
// whether it is there.
func (s *store) place(m *members, id int64) (int, bool) {
	count := m.len()
	if count > 0 && s.step(m.at(count-1)).id < id {
		return count, false // most steps come in the order of their ids
	}
	at := sort.Search(count, func(i int) bool { return s.step(m.at(i)).id >= id })
	return at, at < count && s.step(m.at(at)).id == id
}

package readiness

import "unsafe"

const (
	fanBits = 5
	fan     = 1 << fanBits
	fanMask = fan - 1
)

// A tree is a persistent array of pages: a radix tree that grows with the
// largest key, so that dense keys cost four bytes a page or so of inner nodes.
//
// A copy of the struct is a version. After freeze the versions taken before
// never change: edit copies the nodes and pages on the way, once each, and
// from then on works in place until the next freeze. Only one goroutine may
// edit, and only the newest version; any number may read older ones.
//
// P is an array of records without a header: who owns a page is known by its
// parent, so that pages fill the allocator's size classes and, where a record
// holds no pointer, the garbage collector skips them.
type tree[P any] struct {
	root  *node
	shift uint8 // of the root: 0 where its kids are pages
	owned bool  // the root was made since the last freeze
	pages int
	// The page that was last made writable since then, nil where none was:
	// most changes go where the last one went.
	lastKey uint64
	last    *P
}

// A node's kids are *node, or *P at the lowest level. Which of them were made
// since the last freeze is only meaningful where the node itself was.
type node struct {
	owned uint64
	kids  [fan]unsafe.Pointer
}

// freeze ends the life of the present version as something to be edited.
func (t *tree[P]) freeze() { t.owned, t.last = false, nil }

// get is the page of a key to read, nil where there is none.
func (t *tree[P]) get(key uint64) *P {
	n := t.root
	if n == nil || key>>t.shift > fanMask {
		return nil
	}
	for s := t.shift; s > 0; s -= fanBits {
		if n = (*node)(n.kids[key>>s&fanMask]); n == nil {
			return nil
		}
	}
	return (*P)(n.kids[key&fanMask])
}

// edit is the page of a key to write, made where there is none.
func (t *tree[P]) edit(key uint64) *P {
	if key == t.lastKey && t.last != nil {
		return t.last
	}
	t.last = t.own(key)
	t.lastKey = key
	return t.last
}

// own makes the page of a key and all above it writable.
func (t *tree[P]) own(key uint64) *P {
	t.grow(key)
	if !t.owned {
		root := new(node)
		if t.root != nil {
			root.kids = t.root.kids
		}
		t.root, t.owned = root, true
	}
	n := t.root
	for s := t.shift; s > 0; s -= fanBits {
		i := key >> s & fanMask
		kid := (*node)(n.kids[i])
		if n.owned>>i&1 == 0 {
			fresh := new(node)
			if kid != nil {
				fresh.kids = kid.kids
			}
			n.kids[i] = unsafe.Pointer(fresh)
			n.owned |= 1 << i
			kid = fresh
		}
		n = kid
	}
	i := key & fanMask
	if n.owned>>i&1 == 0 {
		fresh := new(P)
		if old := (*P)(n.kids[i]); old != nil {
			*fresh = *old
		} else {
			t.pages++
		}
		n.kids[i] = unsafe.Pointer(fresh)
		n.owned |= 1 << i
	}
	return (*P)(n.kids[i])
}

func (t *tree[P]) grow(key uint64) {
	for key>>t.shift > fanMask {
		if t.root != nil {
			root := new(node)
			root.kids[0] = unsafe.Pointer(t.root)
			if t.owned {
				root.owned = 1
			}
			t.root, t.owned = root, true
		}
		t.shift += fanBits
	}
}

// drop takes a page out, and the nodes that become empty with it.
func (t *tree[P]) drop(key uint64) {
	if t.get(key) == nil {
		return
	}
	t.own(key)
	t.pages--
	t.last = nil
	if prune(t.root, key, t.shift) {
		t.root, t.shift, t.owned = nil, 0, false
	}
}

// prune empties the slot of a key below n and says whether n is empty now.
func prune(n *node, key uint64, shift uint8) bool {
	i := key >> shift & fanMask
	if shift > 0 && !prune((*node)(n.kids[i]), key, shift-fanBits) {
		return false
	}
	n.kids[i] = nil
	n.owned &^= 1 << i
	for _, kid := range n.kids {
		if kid != nil {
			return false
		}
	}
	return true
}

// each calls f with every page in the order of the keys until it says false.
func (t *tree[P]) each(f func(key uint64, page *P) bool) bool {
	return t.root == nil || walk(t.root, t.shift, 0, f)
}

func walk[P any](n *node, shift uint8, prefix uint64, f func(uint64, *P) bool) bool {
	for i, kid := range n.kids {
		if kid == nil {
			continue
		}
		key := prefix | uint64(i)<<shift
		if shift == 0 {
			if !f(key, (*P)(kid)) {
				return false
			}
		} else if !walk((*node)(kid), shift-fanBits, key, f) {
			return false
		}
	}
	return true
}

package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Records live in pages of persistent trees, by dense numbers from 1 on. A page
// is short, so that copying it is cheap, and fills a size class of the
// allocator: 1,408 bytes of steps, 768 of edges.
const (
	stepBits = 4
	taskBits = 2
	edgeBits = 5
	nameBits = 4
)

type (
	stepPage [1 << stepBits]step
	taskPage [1 << taskBits]task
	edgePage [1 << edgeBits]edge
	namePage [1 << nameBits]name
)

// edge is a row of the edges table, a member of two lists: of the edges to its
// child and of the edges from its parent.
type edge struct {
	id              int64
	from, to        uint32 // numbers of steps
	nextIn, nextOut uint32 // numbers of edges; 0 ends the list
}

// name is a named step, a named task or a namespace. It exists as long as it
// has a row or something refers to it.
type name struct {
	id      int64
	name    string
	version string // of a named task
	parent  uint32 // a named task's namespace
	uses    uint32 // rows that refer to it
	row     bool
}

// store holds all records at one moment. The index has the one that is being
// changed, every View a frozen one.
type store struct {
	steps      tree[stepPage]
	tasks      tree[taskPage]
	edges      tree[edgePage]
	stepIDs    ids
	taskIDs    ids
	namedSteps names
	namedTasks names
	namespaces names
	states     []string // by state number
	texts      []string // by text number; 0 is NULL
}

func (s *store) freeze() {
	s.steps.freeze()
	s.tasks.freeze()
	s.edges.freeze()
	s.stepIDs.freeze()
	s.taskIDs.freeze()
	s.namedSteps.freeze()
	s.namedTasks.freeze()
	s.namespaces.freeze()
}

// step, task and edge read a record that exists; edit… make it writable.
func (s *store) step(n uint32) *step {
	return &s.steps.get(uint64(n >> stepBits))[n&(1<<stepBits-1)]
}

func (s *store) editStep(n uint32) *step {
	return &s.steps.edit(uint64(n >> stepBits))[n&(1<<stepBits-1)]
}

func (s *store) task(n uint32) *task {
	return &s.tasks.get(uint64(n >> taskBits))[n&(1<<taskBits-1)]
}

func (s *store) editTask(n uint32) *task {
	return &s.tasks.edit(uint64(n >> taskBits))[n&(1<<taskBits-1)]
}

func (s *store) edge(n uint32) *edge {
	return &s.edges.get(uint64(n >> edgeBits))[n&(1<<edgeBits-1)]
}

func (s *store) editEdge(n uint32) *edge {
	return &s.edges.edit(uint64(n >> edgeBits))[n&(1<<edgeBits-1)]
}

// text is the string of a number that texts gave, NULL for 0.
func (s *store) text(n uint32) tasker.Null[string] {
	if n == 0 {
		return tasker.Null[string]{}
	}
	return tasker.Some(s.texts[n])
}

// nameOf is the name of a step, false where its named step is missing.
func (s *store) nameOf(st *step) (string, bool) {
	if st.named == 0 {
		return "", false
	}
	n := s.namedSteps.at(st.named)
	return n.name, n.row
}

// numbers hands out dense numbers, those given back first.
type numbers struct {
	last uint32
	free []uint32
}

func (n *numbers) next() uint32 {
	if k := len(n.free); k > 0 {
		v := n.free[k-1]
		n.free = n.free[:k-1]
		return v
	}
	n.last++
	return n.last
}

func (n *numbers) giveBack(v uint32) { n.free = append(n.free, v) }

package chaos

// Shrink looks for a smaller program that fails too: it leaves out sessions,
// then transactions, then statements, in ever smaller groups, and keeps each
// cut after which fails still reports true. fails is called at most tries
// times; the program given is expected to fail, and is not changed.
//
// Where sessions run at once a smaller program may fail only now and then: let
// fails try it more than once.
func Shrink(p Program, tries int, fails func(Program) bool) Program {
	s := shrinker{left: tries, fails: fails}
	for before := -1; before != p.Ops() && s.left > 0; {
		before = p.Ops()
		p.Sessions = minimize(&s, p.Sessions, func(list [][]Transaction) Program { q := p; q.Sessions = list; return q })
		for i := range p.Sessions {
			p.Sessions[i] = s.transactions(p.Sessions[i], func(list []Transaction) Program {
				q := p
				q.Sessions = append([][]Transaction(nil), p.Sessions...)
				q.Sessions[i] = list
				return q
			})
		}
		p.Base = s.transactions(p.Base, func(list []Transaction) Program { q := p; q.Base = list; return q })
	}
	return p
}

type shrinker struct {
	left  int
	fails func(Program) bool
}

func (s *shrinker) check(p Program) bool {
	if s.left <= 0 {
		return false
	}
	s.left--
	return s.fails(p)
}

// transactions leaves out transactions, and then statements of those that stay.
func (s *shrinker) transactions(list []Transaction, with func([]Transaction) Program) []Transaction {
	list = minimize(s, list, with)
	for i := range list {
		list[i].Ops = minimize(s, list[i].Ops, func(ops []Op) Program {
			l := append([]Transaction(nil), list...)
			l[i].Ops = ops
			return with(l)
		})
	}
	return list
}

// minimize leaves out groups of elements, halves first, single ones at last.
func minimize[T any](s *shrinker, list []T, with func([]T) Program) []T {
	list = append([]T(nil), list...)
	for size := (len(list) + 1) / 2; size >= 1 && s.left > 0; size /= 2 {
		for at := 0; at < len(list); {
			end := min(at+size, len(list))
			shorter := append(append([]T(nil), list[:at]...), list[end:]...)
			if s.check(with(shorter)) {
				list = shorter
			} else {
				at = end
			}
		}
		if size == 1 {
			break
		}
	}
	return list
}

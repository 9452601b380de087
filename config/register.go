package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Section is one that a package adds to the configuration. Its options have
// everything that the built-in ones have: keys, variables, flags, checks,
// documentation, schema, reload.
type Section struct {
	// Name is the first part of its options' keys, such as audit.
	Name string
	// Structure is the zero value of its structure, such as Audit{}. Fields and
	// tags are as the package comment has them; the type belongs to this section
	// alone, because [Get] finds the section by it.
	Structure any
	// Source is the Go source, usually embedded, that declares the structure
	// with its doc comments, which become the documentation.
	Source string
	// Rules hold between options, of this section and of others.
	Rules []Rule
}

// Registered are the values of registered sections, by name. They are shared
// by copies of a configuration, and not to be changed; see [Builder].
type Registered map[string]any

var registering sync.Mutex

var sectionName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// Register adds a section. Call it from an init function, before anything is
// loaded and before [AddFlags]: who has loaded a configuration already does
// not get the section. It panics when the section cannot be right: its name is
// taken, a field has a type without kind, a default breaks its rule.
func Register(s Section) {
	registering.Lock()
	defer registering.Unlock()
	t := table()
	switch {
	case !sectionName.MatchString(s.Name):
		panic(fmt.Sprintf("config: a section cannot be called %q: lower-case words with _ between them are right", s.Name))
	case slices.Contains(t.parents, s.Name) || isDirective(s.Name):
		panic(fmt.Sprintf("config: there is a section %q already", s.Name))
	case s.structure().Kind() != reflect.Struct:
		panic(fmt.Sprintf("config: the structure of the section %q is a %T", s.Name, s.Structure))
	}
	sections := append(slices.Clone(t.sections), &s)
	slices.SortFunc(sections, func(a, b *Section) int { return strings.Compare(a.Name, b.Name) })
	next := newTable(sections)
	for _, rule := range s.Rules {
		for _, key := range []string{rule.Key, rule.Other} {
			if next.byKey[key] == nil {
				panic(fmt.Sprintf("config: a rule of the section %q names %q, which is not an option", s.Name, key))
			}
		}
	}
	before := currentTable.Swap(next)
	c := Default()
	if err := c.Validate(); err != nil {
		currentTable.Store(before)
		panic(fmt.Sprintf("config: the defaults of the section %q: %v", s.Name, err))
	}
}

// Get gives a registered section, found by the type of its structure. It
// panics when no section of that type is registered, which is a programming
// error.
func Get[T any](c *Config) T {
	for _, s := range table().sections {
		if s.structure() == reflect.TypeFor[T]() {
			return s.in(c).Interface().(T)
		}
	}
	panic(fmt.Sprintf("config: no section with the structure %s is registered", reflect.TypeFor[T]()))
}

func (s *Section) structure() reflect.Type { return reflect.TypeOf(s.Structure) }

// in is the section's structure in a configuration; one that was made without
// it has it from now on.
func (s *Section) in(c *Config) reflect.Value {
	v, ok := c.Registered[s.Name]
	if !ok {
		v = reflect.New(s.structure()).Interface()
		if c.Registered == nil {
			c.Registered = Registered{}
		}
		c.Registered[s.Name] = v
	}
	return reflect.ValueOf(v).Elem()
}

// clone copies the structures, so that one can be changed without the other.
func (r Registered) clone() Registered {
	copied := Registered{}
	for name, v := range r {
		fresh := reflect.New(reflect.TypeOf(v).Elem())
		fresh.Elem().Set(reflect.ValueOf(v).Elem())
		copied[name] = fresh.Interface()
	}
	return copied
}

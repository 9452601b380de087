package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
)

// optionTable is derived from the structures and never changes: registering a
// section makes another.
type optionTable struct {
	options  []*Option
	byKey    map[string]*Option
	byEnv    map[string]*Option
	keys     []string
	parents  []string          // keys below which others stand
	docs     map[string]string // of the parents
	sections []*Section        // registered ones, by name
	rules    []Rule
}

var currentTable atomic.Pointer[optionTable]

func table() *optionTable {
	if t := currentTable.Load(); t != nil {
		return t
	}
	currentTable.CompareAndSwap(nil, newTable(nil)) // two that are made at the same time are alike
	return currentTable.Load()
}

func newTable(sections []*Section) *optionTable {
	t := &optionTable{
		byKey: map[string]*Option{}, byEnv: map[string]*Option{}, docs: map[string]string{},
		sections: sections, rules: slices.Concat(rules, engineRules),
	}
	t.add(place{docs: describeSections()}, reflect.TypeFor[Config]())
	for _, s := range sections {
		t.rules = append(t.rules, s.Rules...)
		t.add(place{docs: describe(s.Source), section: s, key: s.Name}, s.structure())
	}
	return t
}

// place is where a walk through a structure stands.
type place struct {
	docs    map[string]string
	section *Section
	key     string
	index   []int
	tags    map[string]string // that are inherited
}

func (at place) into(field reflect.StructField) place {
	at.index = append(slices.Clone(at.index), field.Index...)
	if at.key != "" {
		at.key += "."
	}
	at.key += snake(field.Name)
	tags := map[string]string{}
	maps.Copy(tags, at.tags)
	for _, name := range inherited {
		if v, ok := field.Tag.Lookup(name); ok {
			tags[name] = v
		}
	}
	at.tags = tags
	return at
}

// add adds the options that a structure holds.
func (t *optionTable) add(at place, structure reflect.Type) {
	if at.key != "" {
		t.parents = append(t.parents, at.key)
		t.docs[at.key] = withoutName(at.docs[structure.Name()], structure.Name())
	}
	for _, field := range reflect.VisibleFields(structure) {
		if !field.IsExported() || field.Type == reflect.TypeFor[Registered]() || field.Type == reflect.TypeFor[ByWorkflow]() {
			continue
		}
		inner := at.into(field)
		if field.Type.Kind() == reflect.Struct {
			t.add(inner, field.Type)
			continue
		}
		o := newOption(inner.key, field, inner.tags)
		o.index, o.section = inner.index, at.section
		o.Doc = withoutName(at.docs[structure.Name()+"."+field.Name], field.Name)
		t.options = append(t.options, o)
		t.byKey[o.Key], t.byEnv[o.Env] = o, o
		t.keys = append(t.keys, o.Key)
	}
}

// snake turns a Go name into a key: SlotPrefix → slot_prefix, MaxWALBehind →
// max_wal_behind, URLFile → url_file.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(strings.ReplaceAll(name, "IDs", "Ids"))
	for i, r := range runes {
		upper := unicode.IsUpper(r)
		if i > 0 && upper && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

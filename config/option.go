package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Option describes one field of [Config].
type Option struct {
	Key     string   // section.field, such as replication.slot_prefix
	Kind    string   // what it holds: text, secret, list, true or false, whole number, number, duration, size
	Default string   // as it would be written
	Rule    string   // what it must be, in words; empty when everything of its kind is right
	Doc     string   // its meaning, unit, special values, and what it interacts with
	Flags   []string // without dashes, the full one first
	Env     string   // its environment variable

	kind     kind
	index    [2]int // of the section in Config, of the field in the section
	low      any    // nil: no bound
	high     any
	words    []string // nil: any
	form     string
	required bool // an empty text is refused
}

// Secret says whether its value is never shown.
func (o *Option) Secret() bool { return o.Kind == "secret" }

// Section is the first part of the key.
func (o *Option) Section() string {
	section, _, _ := strings.Cut(o.Key, ".")
	return section
}

// Options lists all options, in the order of the structure. It is not to be
// changed.
func Options() []*Option { return table().options }

// Lookup finds an option by its key.
func Lookup(key string) (*Option, bool) {
	o, ok := table().byKey[key]
	return o, ok
}

type optionTable struct {
	options  []*Option
	byKey    map[string]*Option
	byEnv    map[string]*Option
	keys     []string
	sections []string
}

var table = sync.OnceValue(func() *optionTable {
	t := &optionTable{byKey: map[string]*Option{}, byEnv: map[string]*Option{}}
	docs := describe()
	for i, section := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := snake(section.Name)
		t.sections = append(t.sections, name)
		for j, field := range reflect.VisibleFields(section.Type) {
			o := newOption(name, field)
			o.index = [2]int{i, j}
			o.Doc = withoutName(docs[section.Type.Name()+"."+field.Name], field.Name)
			t.options = append(t.options, o)
			t.byKey[o.Key], t.byEnv[o.Env] = o, o
			t.keys = append(t.keys, o.Key)
		}
	}
	return t
})

func newOption(section string, field reflect.StructField) *Option {
	k := kindOf(field.Type)
	key := section + "." + snake(field.Name)
	o := &Option{
		Key: key, Kind: k.name, kind: k, Default: field.Tag.Get("default"),
		Flags: []string{strings.ReplaceAll(key, "_", "-")},
		Env:   EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__")),
	}
	if short := field.Tag.Get("flag"); short != "" {
		o.Flags = append(o.Flags, short)
	}
	if words := field.Tag.Get("oneof"); words != "" {
		o.words = strings.Fields(words)
		o.Rule = "must be one of " + strings.Join(o.words, ", ")
	}
	if name := field.Tag.Get("form"); name != "" {
		o.form, o.required = strings.CutSuffix(name, "!")
		form, known := forms[o.form]
		if !known {
			panic(fmt.Sprintf("config: the field %s asks for the unknown form %q", key, o.form))
		}
		o.Rule = "must be " + form.words
		if k.name == "list" {
			o.Rule = "each must be " + form.words
		}
	}
	if bounds := field.Tag.Get("range"); bounds != "" {
		o.setRange(bounds)
	}
	if o.Default == "" && k.number != nil {
		o.Default = k.print(reflect.Zero(field.Type).Interface())
	}
	return o
}

func (o *Option) setRange(bounds string) {
	low, high, _ := strings.Cut(bounds, "..")
	bound := func(text string) any {
		if text == "" {
			return nil
		}
		v, err := o.kind.parse(text)
		if err != nil {
			panic(fmt.Sprintf("config: the range of %s: %q %v", o.Key, text, err))
		}
		return v
	}
	o.low, o.high = bound(low), bound(high)
	switch {
	case o.high == nil:
		o.Rule = "must be at least " + low
	case o.low == nil:
		o.Rule = "must be at most " + high
	default:
		o.Rule = "must be between " + low + " and " + high
	}
}

// check says what is wrong with a value; nothing when it is right.
func (o *Option) check(v any) string {
	if n := o.kind.number; n != nil {
		if o.low != nil && n(v) < n(o.low) || o.high != nil && n(v) > n(o.high) {
			return o.Rule
		}
		return ""
	}
	texts, isList := v.([]string)
	if !isList {
		if texts = []string{fmt.Sprint(v)}; texts[0] == "" {
			if o.required {
				return "must not be empty"
			}
			if !slices.Contains(o.words, "") && o.words != nil {
				return o.Rule
			}
			return ""
		}
	}
	for _, s := range texts {
		if o.words != nil && !slices.Contains(o.words, s) {
			return o.Rule
		}
		if o.form != "" {
			if err := forms[o.form].check(s); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

// hidden says whether a message must not repeat the value. Entries for tokens
// hold hashes; but who gets an entry wrong may have given the token itself.
func (o *Option) hidden() bool { return o.Secret() || o.form == tokenEntry }

// field is the option's field in a configuration.
func (o *Option) field(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().Field(o.index[0]).Field(o.index[1])
}

// text is the option's value as it would be written; a secret's is masked.
func (o *Option) text(c *Config) string { return o.kind.print(o.field(c).Interface()) }

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

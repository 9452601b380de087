package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Option describes one field of [Config], or of a section that a package has
// registered.
type Option struct {
	Key     string   // such as replication.slot_prefix or engine.backoff.max_backoff_seconds
	Kind    string   // what it holds: text, text or null, secret, list, list of whole numbers, list of numbers, true or false, whole number, number, duration, size
	Default string   // as it would be written
	Rule    string   // what it must be, in words; empty when everything of its kind is right
	Doc     string   // its meaning, unit, special values, and what it interacts with
	Flags   []string // without dashes, the full one first
	Env     string   // its environment variable
	Live    bool     // a change takes effect without a restart
	Scoped  bool     // it may differ by workflow and step
	Use     string   // what an option of the engine is used for here; empty for our own, whose Doc tells it
	Carried string   // why it is known and checked here but has no effect; empty: it has one

	kind     kind
	section  *Section // that a package has registered; nil: of Config
	index    []int    // of the field in Config, or in the section's structure
	low      any      // nil: no bound
	high     any
	unit     float64  // 0: any value
	words    []string // nil: any
	form     string
	required bool // an empty text is refused
}

// Secret says whether its value is never shown.
func (o *Option) Secret() bool { return o.Kind == kindSecret }

// Parent is the key without its last part: the section, or the part of one,
// that the option stands in.
func (o *Option) Parent() string { return o.Key[:strings.LastIndexByte(o.Key, '.')] }

// Section is the first part of the key.
func (o *Option) Section() string {
	section, _, _ := strings.Cut(o.Key, ".")
	return section
}

// Options lists all options, in the order of the structure, and then those of
// registered sections by name. It is not to be changed.
func Options() []*Option { return table().options }

// Lookup finds an option by its key.
func Lookup(key string) (*Option, bool) {
	o, ok := table().byKey[key]
	return o, ok
}

// Nearest is the key that is most like the one given, or nothing when none is
// alike.
func Nearest(key string) string { return nearest(key, table().keys) }

// inherited are tags that hold for all that is in a structure, unless a field
// in it has its own.
var inherited = []string{"apply", "scope", "carried"}

func newOption(key string, field reflect.StructField, tags map[string]string) *Option {
	k := kindOf(field.Type)
	o := &Option{
		Key: key, Kind: k.name, kind: k, Default: field.Tag.Get("default"), Carried: tags["carried"],
		Flags: []string{strings.ReplaceAll(key, "_", "-")},
		Env:   EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__")),
	}
	o.Live = o.word("apply", tags["apply"], "live", "restart")
	o.Use = usesOf(field.Tag.Get("use"))
	o.Scoped = o.word("scope", tags["scope"], "workflow", "process")
	if short := field.Tag.Get("flag"); short != "" {
		o.Flags = append(o.Flags, short)
	}
	if words, ok := field.Tag.Lookup("oneof"); ok {
		o.words = strings.Fields(words)
		o.Rule = "must be one of " + strings.Join(o.words, ", ")
	}
	if name := field.Tag.Get("form"); name != "" {
		o.form, o.required = strings.CutSuffix(name, "!")
		form, known := forms[o.form]
		if !known {
			panic(fmt.Sprintf("config: the field %s asks for the unknown form %q", key, o.form))
		}
		o.Rule = o.must() + form.words
	}
	if bounds := field.Tag.Get("range"); bounds != "" {
		o.setRange(bounds)
	}
	if unit := field.Tag.Get("unit"); unit != "" {
		o.setUnit(unit)
	}
	if _, given := field.Tag.Lookup("default"); !given {
		o.Default = k.print(reflect.Zero(field.Type).Interface())
	}
	return o
}

// word reads a tag of two words: is it the first one? Without the tag it is not.
func (o *Option) word(tag, value, yes, no string) bool {
	if value != "" && value != yes && value != no {
		panic(fmt.Sprintf("config: %s has the tag %s:%q, which is neither %s nor %s", o.Key, tag, value, yes, no))
	}
	return value == yes
}

func (o *Option) must() string {
	if o.kind.list != nil {
		return "each must be "
	}
	return "must be "
}

func (o *Option) setRange(bounds string) {
	low, high, _ := strings.Cut(bounds, "..")
	bound := func(text string) any {
		if text == "" {
			return nil
		}
		v, err := o.kind.element(text)
		if err != nil {
			panic(fmt.Sprintf("config: the range of %s: %q %v", o.Key, text, err))
		}
		return v
	}
	o.low, o.high = bound(low), bound(high)
	switch {
	case o.high == nil:
		o.Rule = o.must() + "at least " + low
	case o.low == nil:
		o.Rule = o.must() + "at most " + high
	default:
		o.Rule = o.must() + "between " + low + " and " + high
	}
}

// hidden says whether a message must not repeat the value. Entries for tokens
// hold hashes; but who gets an entry wrong may have given the token itself.
func (o *Option) hidden() bool { return o.Secret() || o.form == tokenEntry }

// field is the option's field in a configuration.
func (o *Option) field(c *Config) reflect.Value {
	if o.section != nil {
		return o.section.in(c).FieldByIndex(o.index)
	}
	return reflect.ValueOf(c).Elem().FieldByIndex(o.index)
}

func (o *Option) set(c *Config, v any) { o.field(c).Set(reflect.ValueOf(v)) }

// same says whether two configurations have the same value.
func (o *Option) same(a, b *Config) bool {
	return reflect.DeepEqual(o.field(a).Interface(), o.field(b).Interface())
}

// text is the option's value as it would be written; a secret's is masked.
func (o *Option) text(c *Config) string { return o.kind.print(o.field(c).Interface()) }

// read makes a value of what a source says; or tells the rule that it breaks.
func (o *Option) read(v Value) (parsed any, rule string) {
	if text := v.String(); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, "must be valid UTF-8 without zero bytes"
	}
	var err error
	switch {
	case !v.IsList:
		parsed, err = o.kind.parse(v.Text)
	case o.kind.list != nil:
		parsed, err = o.kind.list(v.List)
	default:
		return nil, "must be one " + o.Kind + ", not a list"
	}
	if err != nil {
		return nil, err.Error()
	}
	return parsed, ""
}

// accept is read and check.
func (o *Option) accept(v Value) (parsed any, rule string) {
	if parsed, rule = o.read(v); rule == "" {
		rule = o.check(parsed)
	}
	return parsed, rule
}

// setUnit has values be multiples of a unit.
func (o *Option) setUnit(text string) {
	unit, err := o.kind.element(text)
	if err != nil {
		panic(fmt.Sprintf("config: the unit of %s: %q %v", o.Key, text, err))
	}
	o.unit = o.kind.number(unit)
	if o.Rule == "" {
		o.Rule = o.must() + "a multiple of " + text
		return
	}
	o.Rule += " and a multiple of " + text
}

// check says what is wrong with a value; nothing when it is right.
func (o *Option) check(v any) string {
	if n := o.kind.number; n != nil {
		for _, element := range o.kind.elements(v) {
			if o.low != nil && n(element) < n(o.low) || o.high != nil && n(element) > n(o.high) || o.unit != 0 && math.Mod(n(element), o.unit) != 0 {
				return o.Rule
			}
		}
		return ""
	}
	for _, element := range o.kind.elements(v) {
		text := fmt.Sprint(element)
		if secret, ok := element.(Secret); ok {
			text = secret.Reveal()
		}
		if rule := o.checkText(text); rule != "" {
			return rule
		}
	}
	return ""
}

func (o *Option) checkText(s string) string {
	switch {
	case s == "" && o.required:
		return "must not be empty"
	case o.words != nil && !slices.Contains(o.words, s):
		return o.Rule
	case o.form == "", s == "" && o.kind.list == nil:
		return ""
	}
	if err := forms[o.form].check(s); err != nil {
		return err.Error()
	}
	return ""
}

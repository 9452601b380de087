package config

import "fmt"

// Builder makes a configuration in Go: it starts from the defaults, takes
// values by key or by field, and checks all of them at the end. The zero value
// is ready. It is not safe for concurrent use.
//
//	loaded, err := new(config.Builder).
//		Set("http.listen", "127.0.0.1:9000").
//		For(config.Selector{Namespace: "payments"}, "maintenance.quiet_period", 5*time.Minute).
//		Build()
type Builder struct {
	values map[string]Value
}

// Set gives an option a value: text as a file has it, or a value of the
// field's type. What is wrong with it Build tells.
func (b *Builder) Set(key string, value any) *Builder { return b.For(Selector{}, key, value) }

// For gives an option a value for some workflows only.
func (b *Builder) For(s Selector, key string, value any) *Builder {
	if b.values == nil {
		b.values = map[string]Value{}
	}
	key = JoinKey(key, s)
	v := Value{Origin: "Builder"}
	switch value := value.(type) {
	case []string:
		v.List, v.IsList = value, true
	case []int:
		v.List, v.IsList = texts(value), true
	case []float64:
		v.List, v.IsList = texts(value), true
	case Secret:
		v.Text = value.Reveal()
	case *string:
		v.Text = printOptional(value)
	default:
		v.Text = fmt.Sprint(value)
	}
	b.values[key] = v
	return b
}

func texts[T any](list []T) []string {
	all := []string{}
	for _, v := range list {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

// Build checks everything; the error is a [Problems]. No file, variable or flag
// is read, but for the files of secrets.
func (b *Builder) Build() (*Loaded, error) { return Load(Sources{Runtime: b.values}) }

package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// kind is what a field's type means: how its text is read, printed and compared.
type kind struct {
	name  string // as the documentation calls it
	parse func(text string) (any, error)
	print func(v any) string
	// number orders values, or the elements of a list, for ranges; nil for
	// kinds without order.
	number func(v any) float64
	// list makes a list of the texts of its elements; nil for kinds that are
	// none.
	list func(texts []string) (any, error)
	// element reads one element of a list; parse for kinds that are none.
	element func(text string) (any, error)
}

const (
	kindSecret   = "secret"
	kindOptional = "text or null"
	kindBool     = "true or false"
)

// kinds are a closed set.
var kinds = map[reflect.Type]kind{
	reflect.TypeFor[Secret]():        one(kindSecret, func(s string) (Secret, error) { return Secret(s), nil }, Secret.String, nil),
	reflect.TypeFor[string]():        one("text", parseText, plain[string], nil),
	reflect.TypeFor[*string]():       one(kindOptional, parseOptional, printOptional, nil),
	reflect.TypeFor[bool]():          one(kindBool, parseBool, plain[bool], nil),
	reflect.TypeFor[int]():           one("whole number", parseInt, plain[int], func(v int) float64 { return float64(v) }),
	reflect.TypeFor[float64]():       one("number", parseFloat, plain[float64], func(v float64) float64 { return v }),
	reflect.TypeFor[time.Duration](): one("duration", parseDuration, printDuration, func(v time.Duration) float64 { return float64(v) }),
	reflect.TypeFor[Size]():          one("size", ParseSize, Size.String, func(v Size) float64 { return float64(v) }),
	reflect.TypeFor[[]string]():      many("list", parseText, plain[string], nil),
	reflect.TypeFor[[]int]():         many("list of whole numbers", parseInt, plain[int], func(v int) float64 { return float64(v) }),
	reflect.TypeFor[[]float64]():     many("list of numbers", parseFloat, plain[float64], func(v float64) float64 { return v }),
}

// kindOf finds the kind of a field's type. Another type is a programming
// error, found by the first test that runs.
func kindOf(t reflect.Type) kind {
	k, ok := kinds[t]
	if !ok {
		panic(fmt.Sprintf("config: a field has the type %s, which has no kind", t))
	}
	return k
}

func one[T any](name string, parse func(string) (T, error), print func(T) string, number func(T) float64) kind {
	k := kind{
		name:  name,
		parse: func(s string) (any, error) { return parse(s) },
		print: func(v any) string { return print(v.(T)) },
	}
	k.element = k.parse
	if number != nil {
		k.number = func(v any) float64 { return number(v.(T)) }
	}
	return k
}

func many[T any](name string, parse func(string) (T, error), print func(T) string, number func(T) float64) kind {
	k := one(name, parse, print, number)
	k.list = func(texts []string) (any, error) {
		list := make([]T, 0, len(texts))
		for _, text := range texts {
			v, err := parse(text)
			if err != nil {
				if credentials.MatchString(text) {
					text = mask
				}
				return nil, fmt.Errorf("holds %q, which %w", text, err)
			}
			list = append(list, v)
		}
		return list, nil
	}
	k.parse = func(s string) (any, error) { return k.list(splitList(s)) }
	k.print = func(v any) string {
		texts := []string{}
		for _, element := range v.([]T) {
			texts = append(texts, print(element))
		}
		return strings.Join(texts, ",")
	}
	return k
}

// elements are those of a list; of another kind the value itself, and nothing
// of an optional one that is null.
func (k *kind) elements(v any) []any {
	switch v := v.(type) {
	case []string:
		return anys(v)
	case []int:
		return anys(v)
	case []float64:
		return anys(v)
	case *string:
		if v == nil {
			return nil
		}
		return []any{*v}
	}
	return []any{v}
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

func plain[T any](v T) string { return fmt.Sprint(v) }

func parseText(s string) (string, error) { return s, nil }

// null is how the absence of an optional text is written.
const null = "null"

func parseOptional(s string) (*string, error) {
	if s == null {
		return nil, nil
	}
	return &s, nil
}

func printOptional(s *string) string {
	if s == nil {
		return null
	}
	return *s
}

// splitList reads what one text says of a list: elements between commas,
// spaces around them dropped; an empty text is an empty list.
func splitList(s string) []string {
	list := []string{}
	for element := range strings.SplitSeq(s, ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	return list
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

func parseInt(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New("must be a whole number")
	}
	return n, nil
}

func parseFloat(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("must be a number")
	}
	return f, nil
}

// parseDuration reads Go's form, or whole seconds.
func parseDuration(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		if seconds > math.MaxInt64/int64(time.Second) || seconds < math.MinInt64/int64(time.Second) {
			return 0, errors.New("is more seconds than fit 292 years")
		}
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, errors.New("must be a duration such as 250ms, 10s or 1h30m, or whole seconds")
	}
	return d, nil
}

// printDuration is Go's form without the parts that are zero: 2m, not 2m0s.
func printDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

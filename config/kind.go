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
	// number orders values for ranges; nil for kinds without order.
	number func(v any) float64
}

// kindOf finds the kind of a field's type. Types are a closed set: another
// one is a programming error, found by the first test that runs.
func kindOf(t reflect.Type) kind {
	switch t {
	case reflect.TypeFor[Secret]():
		return kind{"secret", func(s string) (any, error) { return Secret(s), nil }, printAny, nil}
	case reflect.TypeFor[string]():
		return kind{"text", func(s string) (any, error) { return s, nil }, printAny, nil}
	case reflect.TypeFor[[]string]():
		return kind{"list", func(s string) (any, error) { return splitList(s), nil }, printList, nil}
	case reflect.TypeFor[bool]():
		return kind{"true or false", parseBool, printAny, nil}
	case reflect.TypeFor[int]():
		return kind{"whole number", parseInt, printAny, func(v any) float64 { return float64(v.(int)) }}
	case reflect.TypeFor[float64]():
		return kind{"number", parseFloat, printAny, func(v any) float64 { return v.(float64) }}
	case reflect.TypeFor[time.Duration]():
		return kind{"duration", parseDuration, printDuration, func(v any) float64 { return float64(v.(time.Duration)) }}
	case reflect.TypeFor[Size]():
		return kind{"size", func(s string) (any, error) { return ParseSize(s) }, printAny, func(v any) float64 { return float64(v.(Size)) }}
	}
	panic(fmt.Sprintf("config: a field has the type %s, which has no kind", t))
}

func printAny(v any) string { return fmt.Sprint(v) }

func printList(v any) string { return strings.Join(v.([]string), ",") }

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

func parseBool(s string) (any, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, errors.New("must be true or false")
}

func parseInt(s string) (any, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, errors.New("must be a whole number")
	}
	return n, nil
}

func parseFloat(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("must be a number")
	}
	return f, nil
}

// parseDuration reads Go's form, or whole seconds.
func parseDuration(s string) (any, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		if seconds > math.MaxInt64/int64(time.Second) || seconds < math.MinInt64/int64(time.Second) {
			return nil, errors.New("is more seconds than fit 292 years")
		}
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, errors.New("must be a duration such as 250ms, 10s or 1h30m, or whole seconds")
	}
	return d, nil
}

// printDuration is Go's form without the parts that are zero: 2m, not 2m0s.
func printDuration(v any) string {
	s := v.(time.Duration).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

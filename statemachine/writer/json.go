package writer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of what jsonb takes; beyond them the database would refuse it, in the
// middle of a transaction.
const (
	mostDepth  = 250    // levels of nesting
	mostDigits = 16_000 // of a number, before and after the point
)

// decode reads one JSON value that a jsonb column will take. The text of an error
// follows the name of the field.
func decode(raw json.RawMessage) (any, error) {
	switch {
	case len(raw) > MaxJSON:
		return nil, fmt.Errorf("it has %d bytes, at most %d are taken", len(raw), MaxJSON)
	case !utf8.Valid(raw):
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not JSON: something follows the value")
	}
	return v, storable(v, 0)
}

// storable says why a jsonb column would not take a value.
func storable(v any, depth int) error {
	if depth > mostDepth {
		return fmt.Errorf("it is nested more than %d levels deep", mostDepth)
	}
	switch v := v.(type) {
	case string:
		return storableText(v)
	case json.Number:
		return storableNumber(v.String())
	case []any:
		for _, element := range v {
			if err := storable(element, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range v {
			if err := errors.Join(storableText(name), storable(member, depth+1)); err != nil {
				return err
			}
		}
	}
	return nil
}

func storableText(s string) error {
	switch {
	case strings.ContainsRune(s, 0):
		return errors.New("there is a NUL in it, which no text of the database can have")
	case !utf8.ValidString(s):
		return errors.New("it is not UTF-8")
	}
	return nil
}

func storableNumber(s string) error {
	digits, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e := 0
	if exponent != "" {
		var err error
		if e, err = strconv.Atoi(exponent); err != nil {
			e = mostDigits
		}
	}
	if len(digits)+max(e, -e) >= mostDigits {
		return fmt.Errorf("a number in it has more than %d digits", mostDigits)
	}
	return nil
}

// encode writes a value that decode has read, with the names of each object
// sorted: the same value is always the same text.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("writer: a decoded value cannot be encoded: " + err.Error())
	}
	return string(text)
}

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// Encode makes what is stored of a value: a text, or the JSON of a number, a
// truth value or a list where the option is one. Whether the value is right is
// not looked at.
func Encode(o *config.Option, v config.Value) json.RawMessage {
	if v.IsList {
		return encode(v.List)
	}
	if strings.HasPrefix(o.Kind, "list") {
		list := []string{}
		for element := range strings.SplitSeq(v.Text, ",") {
			if element = strings.TrimSpace(element); element != "" {
				list = append(list, element)
			}
		}
		return encode(list)
	}
	switch o.Kind {
	case "true or false", "whole number", "number":
		if text := json.RawMessage(v.Text); json.Valid(text) && scalar(text) {
			return text
		}
	}
	return encode(v.Text)
}

func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts and lists of them always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

// Decode reads a stored value, or one of a request: a JSON text, number, truth
// value, or a list of such.
func Decode(raw json.RawMessage) (config.Value, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return config.Value{}, fmt.Errorf("is not JSON: %w", err)
		}
		v := config.Value{List: []string{}, IsList: true}
		for _, e := range elements {
			if !scalar(e) {
				return v, fmt.Errorf("must be a list of plain values")
			}
			v.List = append(v.List, text(e))
		}
		return v, nil
	}
	if !scalar(raw) {
		return config.Value{}, fmt.Errorf("must be a plain value or a list of such")
	}
	return config.Value{Text: text(raw)}, nil
}

// scalar says whether JSON is a text, a number or a truth value.
func scalar(raw json.RawMessage) bool {
	return len(raw) > 0 && json.Valid(raw) && raw[0] != '{' && raw[0] != '[' && raw[0] != 'n'
}

// text is a scalar as a source writes it.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

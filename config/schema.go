package config

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// schemaID names the schema; it is published as docs/tasker.schema.json.
const schemaID = "https://github.com/tasker-sidecar/tasker-sidecar/docs/tasker.schema.json"

type object = map[string]any

// WriteSchema writes the JSON Schema (draft 2020-12) of configuration files.
// What it accepts has the right names and forms; rules between options, and
// what stands in the place of ${VAR}, are checked by [Load] alone.
func WriteSchema(w io.Writer) error {
	sections := object{}
	for _, o := range Options() {
		parts := strings.Split(o.Key, ".")
		at := sections
		for i, name := range parts[:len(parts)-1] {
			below, ok := at[name].(object)
			if !ok {
				below = closed(object{})
				below["description"] = table().docs[strings.Join(parts[:i+1], ".")]
				at[name] = below
			}
			at = below["properties"].(object)
			if o.Scoped && i == len(parts)-2 {
				patterns, ok := below["patternProperties"].(object)
				if !ok {
					patterns = object{}
					below["patternProperties"] = patterns
				}
				patterns["^"+parts[len(parts)-1]+"@.+$"] = o.schema()
			}
		}
		at[parts[len(parts)-1]] = o.schema()
	}
	part := object{"$ref": "#/$defs/sections"}
	names := object{"oneOf": []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}}
	root := closed(object{
		"version":      object{"type": "integer", "minimum": 0, "maximum": Version, "description": "The version of the file's form."},
		"extends":      describedAs(names, "Files that this one is laid over, by their paths from here."),
		"environments": object{"type": []string{"object", "null"}, "description": "Sections by environment.", "additionalProperties": part},
	})
	properties := root["properties"].(object)
	when := closed(object{"environment": names, "flag": names})
	when["minProperties"] = 1
	overlay := closed(object{"when": when})
	overlay["required"] = []string{"when"}
	properties["overlays"] = object{"type": []string{"array", "null"}, "description": "Sections that hold on a condition.", "items": overlay}
	for name := range sections {
		properties[name] = object{"$ref": "#/$defs/sections/properties/" + name}
		overlay["properties"].(object)[name] = properties[name]
	}
	for _, name := range wellKnown {
		properties[name] = describedAs(part, "Sections for the environment "+name+".")
	}
	root["$schema"], root["$id"] = "https://json-schema.org/draft/2020-12/schema", schemaID
	root["title"] = "Configuration of tasker-sidecar"
	root["$defs"] = object{"sections": closed(sections)}

	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func closed(properties object) object {
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func describedAs(schema object, text string) object {
	described := object{"description": text}
	for k, v := range schema {
		described[k] = v
	}
	return described
}

// withVariable is a text in which something is put in the place of ${VAR}.
var withVariable = object{"type": "string", "pattern": `\$\{`}

// schema is what a file may hold for the option.
func (o *Option) schema() object {
	element := o.elementSchema()
	value := object{"anyOf": []any{element, withVariable, object{"type": "null"}}}
	if o.kind.list != nil {
		list := object{"type": "array", "items": object{"anyOf": []any{element, withVariable}}}
		value["anyOf"] = []any{list, object{"type": []string{"string", "number", "null"}}} // elements with commas between
	}
	doc := o.Doc
	if o.Rule != "" {
		doc += " (" + o.Rule + ")"
	}
	value["description"] = doc
	if !o.Secret() {
		value["default"] = o.Default
	}
	return value
}

func (o *Option) elementSchema() object {
	s := object{}
	switch o.kind.name {
	case kindBool:
		s["enum"] = []any{true, false, "true", "false"}
	case "whole number", "list of whole numbers":
		s["type"] = "integer"
		o.bounds(s)
	case "number", "list of numbers":
		s["type"] = "number"
		o.bounds(s)
	case "duration":
		s["type"], s["pattern"] = []string{"string", "integer"}, `^-?([0-9]+|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+)$`
	case "size":
		s["type"], s["pattern"] = []string{"string", "integer"}, `^-?[0-9]+ *(B|KiB|MiB|GiB|TiB)?$`
		o.bounds(s)
	default:
		s["type"] = []string{"string", "number", "boolean"}
		if o.words != nil {
			s = object{"enum": o.words}
		}
		if o.required {
			s["minLength"] = 1
		}
	}
	return s
}

func (o *Option) bounds(s object) {
	if o.low != nil {
		s["minimum"] = o.kind.number(o.low)
	}
	if o.high != nil {
		s["maximum"] = o.kind.number(o.high)
	}
}

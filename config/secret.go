package config

// Secret is a text that is not to be seen: every way of printing or encoding
// it gives asterisks. The zero value is no secret and prints as nothing.
type Secret string

const mask = "********"

// Reveal gives the text itself, for whoever has to use it.
func (s Secret) Reveal() string { return string(s) }

// String gives asterisks, or nothing for the zero value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is String, so that %#v shows nothing either.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// MarshalText is String; JSON, YAML and structured loggers use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is String.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

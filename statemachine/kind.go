package statemachine

import "fmt"

// Kind is what has states: a task, or a step of one. The zero value is neither.
type Kind uint8

// The kinds, in the order in which locks on them are taken.
const (
	Task Kind = 1
	Step Kind = 2
)

// Kinds are both.
func Kinds() []Kind { return []Kind{Task, Step} }

// ParseKind reads what [Kind.String] prints.
func ParseKind(s string) (Kind, error) {
	switch s {
	case "task":
		return Task, nil
	case "step":
		return Step, nil
	}
	return 0, fmt.Errorf("%q is neither task nor step", s)
}

// Valid is false for the zero value and for anything that is no kind.
func (k Kind) Valid() bool { return k == Task || k == Step }

// String gives task or step.
func (k Kind) String() string {
	switch k {
	case Task:
		return "task"
	case Step:
		return "step"
	}
	return "neither task nor step"
}

// MarshalText makes a kind a JSON string.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (k *Kind) UnmarshalText(text []byte) error {
	v, err := ParseKind(string(text))
	if err == nil {
		*k = v
	}
	return err
}

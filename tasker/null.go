package tasker

import "encoding/json"

// Null is a nullable value; the zero value is NULL.
type Null[T comparable] struct {
	V     T
	Valid bool
}

// Some is a value that is not NULL.
func Some[T comparable](v T) Null[T] { return Null[T]{V: v, Valid: true} }

// Or is the value, or the given one where it is NULL (SQL's COALESCE).
func (n Null[T]) Or(other T) T {
	if n.Valid {
		return n.V
	}
	return other
}

// MarshalJSON gives the value or null.
func (n Null[T]) MarshalJSON() ([]byte, error) {
	if !n.Valid {
		return []byte("null"), nil
	}
	return json.Marshal(n.V)
}

// UnmarshalJSON takes a value or null.
func (n *Null[T]) UnmarshalJSON(data []byte) error {
	var v *T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*n = Null[T]{}
	if v != nil {
		*n = Some(*v)
	}
	return nil
}

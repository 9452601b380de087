package agenda

import (
	"fmt"
	"slices"
)

// Service is one of the five.
type Service uint8

// The services, in the order in which they have their turn.
const (
	Retrier Service = iota
	Rescuer
	Canceller
	Finalizer
	Enqueuer
)

var names = [...]string{"retrier", "rescuer", "canceller", "finalizer", "enqueuer"}

// Services are all of them, in the order in which they have their turn.
func Services() []Service { return []Service{Retrier, Rescuer, Canceller, Finalizer, Enqueuer} }

// String is the service's name.
func (s Service) String() string {
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// MarshalText gives the name.
func (s Service) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a name.
func (s *Service) UnmarshalText(text []byte) (err error) {
	*s, err = ParseService(string(text))
	return err
}

// ParseService reads the name of a service.
func ParseService(name string) (Service, error) {
	if i := slices.Index(names[:], name); i >= 0 {
		return Service(i), nil //nolint:gosec // an index of five
	}
	return 0, fmt.Errorf("there is no service %q: retrier, rescuer, canceller, finalizer and enqueuer are", name)
}

// Mode is what a service does about what it finds.
type Mode uint8

// The modes.
const (
	// Observe says what it would do, and writes nothing.
	Observe Mode = iota
	// Off does not even look.
	Off
	// Acts does it.
	Acts
)

var modes = [...]string{"observe", "off", "act"}

// String is observe, off or act.
func (m Mode) String() string {
	if int(m) < len(modes) {
		return modes[m]
	}
	return "unknown"
}

// MarshalText gives observe, off or act.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMode reads observe, off or act.
func ParseMode(name string) (Mode, error) {
	if i := slices.Index(modes[:], name); i >= 0 {
		return Mode(i), nil //nolint:gosec // an index of three
	}
	return 0, fmt.Errorf("there is no mode %q: off, observe and act are", name)
}

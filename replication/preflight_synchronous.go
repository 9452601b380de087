package replication

import (
	"fmt"
	"strings"
)

// maxApplicationName is where Postgres cuts application_name, in bytes.
const maxApplicationName = 63

// WouldBeSynchronous is whether a server with these synchronous_standby_names
// would take a replication connection of that application_name for one of its
// synchronous standbys, so that commits of the application might wait for us.
// It reads the setting as the server does: a list of names, or FIRST n (list)
// or ANY n (list) or n (list); names are compared without regard to case, one
// in double quotes may hold anything, and * is everybody.
func WouldBeSynchronous(names, applicationName string) bool {
	if len(applicationName) > maxApplicationName {
		applicationName = applicationName[:maxApplicationName]
	}
	list := names
	// In front of a list in parentheses stand FIRST, ANY and the number only;
	// a parenthesis within quotes comes after them in any case.
	if open := strings.IndexByte(names, '('); open >= 0 && !strings.ContainsAny(names[:open], `",`) {
		list = names[open+1:]
	}
	for _, name := range standbyNames(list) {
		if name == "*" || strings.EqualFold(name, applicationName) {
			return true
		}
	}
	return false
}

// standbyNames takes a list of standbys apart.
func standbyNames(list string) []string {
	var names []string
	for i := 0; i < len(list); {
		switch c := list[i]; {
		case c == '"':
			var b strings.Builder
			for i++; i < len(list); i++ {
				if list[i] == '"' {
					if i+1 == len(list) || list[i+1] != '"' {
						break
					}
					i++ // two for one
				}
				b.WriteByte(list[i])
			}
			i++
			names = append(names, b.String())
		case strings.IndexByte(" \t\n\r\f\v,()", c) >= 0:
			i++
		default:
			end := i
			for end < len(list) && strings.IndexByte(" \t\n\r\f\v,()\"", list[end]) < 0 {
				end++
			}
			names = append(names, list[i:end])
			i = end
		}
	}
	return names
}

// CheckSynchronousStandby is the *SetupError of a setting that would make a
// replication connection with that application_name a synchronous standby; nil
// when it would not.
func CheckSynchronousStandby(names, applicationName string) error {
	if !WouldBeSynchronous(names, applicationName) {
		return nil
	}
	return &SetupError{Check: CheckSynchronous, Permanent: true,
		What:   fmt.Sprintf("synchronous_standby_names is %q, which makes us (%s) a synchronous standby: commits would wait for us", names, applicationName),
		Remedy: synchronousRemedy(names, applicationName)}
}

func synchronousRemedy(names, applicationName string) string {
	if strings.Contains(names, "*") {
		return "name the real standbys in synchronous_standby_names instead of *"
	}
	return fmt.Sprintf("take %s out of synchronous_standby_names, or give us another application name", applicationName)
}

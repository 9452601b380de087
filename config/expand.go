package config

import (
	"regexp"
	"strings"
)

var (
	variable     = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	variableForm = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}$`)
)

// expand puts the values of variables in the place of ${VAR}. ${VAR:-default}
// gives the default when the variable is not set or empty; $${ is ${ itself.
// What a variable holds is not looked at again.
func expand(text string, lookup func(name string) (string, bool)) (string, string) {
	rule := ""
	expanded := variable.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		m := variableForm.FindStringSubmatch(found)
		if m == nil {
			rule = "has a ${ that begins neither ${VARIABLE} nor ${VARIABLE:-default}; to mean the characters themselves write $${"
			return found
		}
		value, set := lookup(m[1])
		switch {
		case m[2] != "" && value == "":
			return m[3]
		case !set:
			rule = "needs the variable " + m[1] + ", which is not set: set it, or write ${" + m[1] + ":-default}"
		}
		return value
	})
	return expanded, rule
}

// unexpanded is a text that expand makes the given one of.
func unexpanded(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// expand is that for all values of a layer that is read from files.
func (l *Layer) expand(lookup func(name string) (string, bool)) Problems {
	var found Problems
	for key, v := range l.Values {
		before := v
		wrong := false
		texts := append([]string{v.Text}, v.List...)
		for i, text := range texts {
			expanded, rule := expand(text, lookup)
			if rule != "" {
				wrong = true
				found = append(found, Problem{Key: key, Value: before.shown(key), Origin: v.Origin, Rule: rule})
			}
			texts[i] = expanded
		}
		v.Text, v.List = texts[0], texts[1:]
		if l.Values[key] = v; wrong {
			delete(l.Values, key)
		}
	}
	return found
}

// lookupIn finds variables in an environment.
func lookupIn(environ []string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		for i := len(environ) - 1; i >= 0; i-- {
			if value, ok := strings.CutPrefix(environ[i], name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

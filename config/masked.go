package config

import (
	"regexp"
	"strings"
)

// credentials are what a password stands in: a URL that names a user, and
// key=value pairs. Whoever gives one at the wrong place is not to find it in a
// log.
var credentials = regexp.MustCompile(`(?i)://[^/]*@|passw[a-z]*\s*[=:]`)

// masked is a value of the option as a message may show it. What is unlike a
// path where the path of a secret's file belongs may be the secret.
func (o *Option) masked(text string) string {
	if o.hidden() || credentials.MatchString(text) || o.namesSecret() && !plainPath(text) {
		return Secret(text).String()
	}
	return text
}

// shown is a value as a message may show it. Of what is no option nothing is: it
// can be a secret under a wrong name.
func (v Value) shown(key string) string {
	key, _, _ = strings.Cut(key, "@")
	o, known := Lookup(key)
	if !known {
		return ""
	}
	return o.masked(v.String())
}

// namesSecret says whether the option names a file that holds the secret of
// another.
func (o *Option) namesSecret() bool {
	of, isFile := strings.CutSuffix(o.Key, "_file")
	secret, known := Lookup(of)
	return isFile && known && secret.hidden()
}

func plainPath(text string) bool {
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")
}

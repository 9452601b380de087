package config

import (
	"regexp"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
)

// EnvPrefix begins the name of every environment variable that is an option:
// TASKER_SIDECAR_REPLICATION__SLOT_PREFIX is replication.slot_prefix.
const EnvPrefix = "TASKER_SIDECAR_"

const (
	fileVariable = EnvPrefix + "CONFIG"
	testPrefix   = EnvPrefix + "TEST_" // reserved for what tests are told
)

// serviceVariable are the names that Kubernetes gives to every container
// beside a service that is called tasker-sidecar; they are nobody's options.
var serviceVariable = regexp.MustCompile(`^TASKER_SIDECAR_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// readEnvironment gives the values of the variables with our prefix. An empty
// variable counts as not set; an unknown one is a problem.
func readEnvironment(environ []string) (map[string]Value, Problems) {
	values := map[string]Value{}
	var found Problems
	provider := env.Provider("", env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, text string) (string, any) {
			if text == "" || name == fileVariable || strings.HasPrefix(name, testPrefix) || serviceVariable.MatchString(name) {
				return "", nil
			}
			origin := "environment " + name
			o, known := table().byEnv[name]
			if !known {
				found = append(found, unknownVariable(name, text, origin))
				return "", nil
			}
			values[o.Key] = Value{Text: text, Origin: origin}
			return "", nil
		},
	})
	_, _ = provider.Read() // it cannot fail: it only walks the entries
	return values, found
}

func unknownVariable(name, text, origin string) Problem {
	key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, EnvPrefix)), "__", ".")
	meant := ""
	if o, ok := Lookup(Nearest(key)); ok {
		meant = o.Env
	}
	return Problem{
		Key: key, Value: Value{Text: text}.shown(key), Origin: origin,
		Rule: "is not an option" + didYouMean(meant),
	}
}

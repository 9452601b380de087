package config

import (
	"maps"
	"regexp"
	"slices"
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

// notOptions say what is to be read, not what an option is.
var notOptions = []string{fileVariable, environmentVariable, overlaysVariable, workflowsVariable}

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
			if name == workflowsVariable && text != "" {
				maps.Copy(values, readScoped(text, "environment "+name, &found))
				return "", nil
			}
			if text == "" || slices.Contains(notOptions, name) || strings.HasPrefix(name, testPrefix) || serviceVariable.MatchString(name) {
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

// readScoped reads values for single workflows that one text holds: YAML, as
// it would stand in a file.
func readScoped(text, origin string, found *Problems) map[string]Value {
	nodes := 0
	r := newReader(origin, &nodes)
	if root := r.parse([]byte(text)); root != nil {
		r.mapping("", root)
	}
	*found = append(*found, r.problems...)
	for key, v := range r.values {
		if !strings.Contains(key, "@") {
			*found = append(*found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: "must name workflows, as in " + key + "@NAMESPACE/NAME: what is for everything has a variable and a flag of its own"})
			delete(r.values, key)
		}
	}
	return r.values
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

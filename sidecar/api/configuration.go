package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Configuration is what the configuration is seen and changed by. Its methods are
// called from many goroutines at once.
type Configuration interface {
	// Report tells what is in force; secrets are masked.
	Report() ConfigurationReport
	// WriteSchema writes the JSON Schema of configuration files.
	WriteSchema(w io.Writer) error
	// Change changes options by their keys, or takes changes back where a value is
	// null: until the process ends or, when they are to persist, in the database.
	// An error that is a [*ConfigurationError] says what is wrong with them; then
	// and with every other error nothing has changed.
	Change(ctx context.Context, c ConfigurationChange) (ConfigurationChanged, error)
}

// ConfigurationChange is a change that is wanted.
type ConfigurationChange struct {
	Values  map[string]json.RawMessage // by key; null: take it back
	Persist bool
	By      string // who wants it
	Reason  string
}

// ConfigurationError says what is wrong with a change.
type ConfigurationError struct{ Problems []ConfigurationProblem }

// Error has all of it.
func (e *ConfigurationError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Text
	}
	return strings.Join(texts, "; ")
}

// ConfigurationProblem is one thing that is wrong.
type ConfigurationProblem struct {
	Key  string // empty: it is about the whole
	Text string
}

// ConfigurationReport is what is in force, and how it got there.
type ConfigurationReport struct {
	Options []OptionReport      `json:"options"`
	Pending []string            `json:"pending" doc:"The options whose new values wait for a restart."`
	Reload  ConfigurationStatus `json:"reload"`
}

// OptionReport is one option.
type OptionReport struct {
	Key     string `json:"key" doc:"Its name, as docs/configuration.md has it; behind an @ the workflows that the value is for, when it is not for all."`
	Value   string `json:"value" doc:"The value that is in force, as it would be written; of a secret, asterisks."`
	Layer   string `json:"layer" doc:"Which source says it: default, file, environment, overlay, database, variable, flag or runtime."`
	Origin  string `json:"origin" doc:"Where exactly: a file with line and column, a variable, a flag, a change in the database."`
	Live    bool   `json:"live" doc:"Whether a change takes effect without a restart."`
	Pending bool   `json:"pending" doc:"Whether another value waits for a restart."`
}

// ConfigurationStatus is how reloading goes.
type ConfigurationStatus struct {
	Reloads    int64            `json:"reloads" doc:"How often it was read anew since the start, and was right."`
	Refused    int64            `json:"refused" doc:"How often it was wrong, and what was in force remained so."`
	ReloadedAt tasker.Timestamp `json:"reloaded_at" doc:"When it was read the last time and was right; the start counts."`
	Cause      string           `json:"cause" doc:"What it was read for the last time."`
	Error      string           `json:"error" doc:"Why the last time was refused; empty: it was not."`
	Database   string           `json:"database" doc:"Why changes in the database cannot be read; empty: they can, or it is not asked."`
	Pending    int64            `json:"pending" doc:"How many options wait for a restart."`
}

// ConfigurationChanged is what a change has done.
type ConfigurationChanged struct {
	Changed  []string `json:"changed" doc:"The options that have other values now; in effect at once."`
	Pending  []string `json:"pending" doc:"Of those that were asked for, the ones that wait for a restart."`
	Shadowed []string `json:"shadowed" doc:"Of those that were asked for, the ones that another source says, which wins."`
	Stored   []int64  `json:"stored" doc:"The numbers of the changes in the database, when they were to persist."`
}

type configurationInput struct{}

type patchConfigurationInput struct {
	Persist bool   `query:"persist" doc:"Keep it in the database, for all sidecars and after the process has ended. Otherwise it lasts until this process ends."`
	Reason  string `query:"reason" maxLength:"1000" doc:"Why, for people; kept with what persists."`
	Body    map[string]any
}

const (
	pathConfiguration       = "/v1/config"
	pathConfigurationSchema = "/v1/config/schema"
)

func (s *routing) routeConfiguration(api huma.API) {
	huma.Register(api, get("configuration", pathConfiguration, tagSystem, "The configuration that is in force, where each value comes from, and what waits for a restart"),
		func(context.Context, *configurationInput) (*struct{ Body ConfigurationReport }, error) {
			if s.options.Configuration == nil {
				return nil, noConfiguration()
			}
			return &struct{ Body ConfigurationReport }{s.options.Configuration.Report()}, nil
		})
	change := get("change-configuration", pathConfiguration, tagSystem, "Change options by a JSON merge patch, such as {\"http\": {\"max_limit\": 500}}; null takes a change back (role admin)")
	change.Method = http.MethodPatch
	handled[patchConfigurationInput, struct{ Body ConfigurationChanged }](api, change, s.changeConfiguration)
	text(api, get("configuration-schema", pathConfigurationSchema, tagSystem, "The JSON Schema of configuration files, for editors and checks"),
		"application/schema+json", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}, s.configurationSchema)
}

func (s *routing) configurationSchema(w http.ResponseWriter, r *http.Request) {
	if detail := parameters(nil).each(r.URL.RawQuery, func(string, string) *huma.ErrorDetail { return nil }); detail != nil {
		invalid(detail).write(w)
		return
	}
	if s.options.Configuration == nil {
		noConfiguration().write(w)
		return
	}
	w.Header().Set("Content-Type", "application/schema+json")
	if err := s.options.Configuration.WriteSchema(w); err != nil { // most likely nobody is left to be told
		s.options.Logger.Debug("the schema of the configuration was not sent", "error", err)
	}
}

func noConfiguration() *Problem {
	return newProblem(http.StatusNotFound, ProblemNotFound, "the configuration of this server does not change while it runs")
}

func (s *routing) changeConfiguration(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wanted, problem := s.readChange(w, r, known)
		if problem != nil {
			problem.write(w)
			return
		}
		changed, err := s.options.Configuration.Change(r.Context(), *wanted)
		var wrong *ConfigurationError
		switch {
		case errors.As(err, &wrong):
			details := make([]*huma.ErrorDetail, len(wrong.Problems))
			for i, p := range wrong.Problems {
				location := "body"
				if p.Key != "" {
					location += "." + p.Key
				}
				details[i] = &huma.ErrorDetail{Location: location, Message: p.Text}
			}
			invalid(details...).write(w)
		case err != nil:
			s.options.Logger.Warn("the configuration could not be changed", "error", err)
			newProblem(http.StatusServiceUnavailable, ProblemWriteFailed, "nothing was changed: %s", err).write(w)
		default:
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(changed) //nolint:errcheck // nobody is left to be told
		}
	}
}

func (s *routing) readChange(w http.ResponseWriter, r *http.Request, known parameters) (*ConfigurationChange, *Problem) {
	if s.options.Configuration == nil {
		return nil, noConfiguration()
	}
	c := ConfigurationChange{Values: map[string]json.RawMessage{}, By: s.guard.name(r)}
	detail := known.each(r.URL.RawQuery, func(name, value string) (detail *huma.ErrorDetail) {
		switch {
		case name == "reason" && (len(value) > 1000 || strings.ContainsRune(value, 0)):
			return fieldError("query.reason", value, "must have at most 1000 bytes, none of them zero")
		case name == "reason":
			c.Reason = value
		default:
			var err error
			if c.Persist, err = strconv.ParseBool(value); err != nil {
				return fieldError("query.persist", value, "must be true or false")
			}
		}
		return nil
	})
	if detail != nil {
		return nil, invalid(detail)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/merge-patch+json" {
		r.Header.Set("Content-Type", "application/json")
	} else if r.Header.Get("Content-Type") == "" {
		return nil, invalid(fieldError("header.Content-Type", "", "application/merge-patch+json or application/json is expected"))
	}
	body, problem := readBody(w, r, s.options.MaxBodyBytes)
	if problem != nil {
		return nil, problem
	}
	if detail := flatten("", body, c.Values); detail != nil {
		return nil, invalid(detail)
	}
	if len(c.Values) == 0 {
		return nil, invalid(fieldError("body", "", `must be an object of sections with options, such as {"http": {"max_limit": 500}}`))
	}
	return &c, nil
}

// flatten gives the options of a merge patch by their keys.
func flatten(prefix string, body []byte, into map[string]json.RawMessage) *huma.ErrorDetail {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return fieldError(strings.TrimSuffix("body."+prefix, "."), "", "must be a JSON object of options or of sections with options")
	}
	for name, value := range members {
		key := prefix + name
		if len(value) > 0 && value[0] == '{' {
			if detail := flatten(key+".", value, into); detail != nil {
				return detail
			}
			continue
		}
		if _, twice := into[key]; twice {
			return fieldError("body."+shortened(key), "", "is given twice")
		}
		into[key] = value
	}
	return nil
}

package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// description is the frame of the OpenAPI document.
func (s *routing) description() *huma.OpenAPI {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for from, to := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[tasker.Timestamp]():     reflect.TypeFor[timestampSchema](),
		reflect.TypeFor[tasker.LSN]():           reflect.TypeFor[lsnSchema](),
		reflect.TypeFor[tasker.Decimal]():       reflect.TypeFor[decimalSchema](),
		reflect.TypeFor[tasker.Null[int32]]():   reflect.TypeFor[nullSchema[int32]](),
		reflect.TypeFor[tasker.Null[int64]]():   reflect.TypeFor[nullSchema[int64]](),
		reflect.TypeFor[tasker.Null[string]]():  reflect.TypeFor[nullSchema[string]](),
		reflect.TypeFor[tasker.Null[float64]](): reflect.TypeFor[nullSchema[float64]](),
		reflect.TypeFor[tasker.Null[bool]]():    reflect.TypeFor[nullSchema[bool]](),
		reflect.TypeFor[json.RawMessage]():      reflect.TypeFor[anySchema](),
		reflect.TypeFor[statemachine.Kind]():    reflect.TypeFor[kindSchema](),
	} {
		registry.RegisterTypeAlias(from, to)
	}
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:   "tasker-sidecar",
			Version: s.options.Version,
			Description: "What the workflows of a tasker database can run now, and why not the rest. " +
				"Every answer is of one log position and says which (as_of_lsn), how old that is (staleness_ms) and whether it is vouched for (stale). " +
				"Times are RFC 3339 in UTC. Errors are problem details (RFC 9457).",
		},
		Tags: []*huma.Tag{
			{Name: tagTasks, Description: "Questions about tasks."},
			{Name: tagSteps, Description: "Questions about steps."},
			{Name: tagSystem, Description: "Questions about everything together."},
			{Name: tagTransitions, Description: "Moving tasks and steps by hand, and what has become of them."},
			{Name: tagMaintenance, Description: "What the engine leaves undone, and is done about it."},
			{Name: tagProbes, Description: "For supervisors."},
		},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", Description: "Needed when the server is configured with tokens."},
			},
		},
	}
}

type timestampSchema string

// Schema implements [huma.SchemaProvider].
func (timestampSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true,
		Description: "RFC 3339, UTC, microseconds; null where there is none; infinity and -infinity as Postgres has them."}
}

type lsnSchema string

// Schema implements [huma.SchemaProvider].
func (lsnSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9A-F]{1,8}/[0-9A-F]{1,8}$", Description: "A position in the write-ahead log."}
}

type decimalSchema float64

// Schema implements [huma.SchemaProvider].
func (decimalSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "An exact decimal number."}
}

type kindSchema string

// Schema implements [huma.SchemaProvider].
func (kindSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: []any{"task", "step"}}
}

type anySchema struct{}

// Schema implements [huma.SchemaProvider].
func (anySchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "Any JSON value."}
}

type nullSchema[T any] struct{}

// Schema implements [huma.SchemaProvider].
func (nullSchema[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// describeLimits completes the description by what comes from the options and
// by what all operations have in common.
func (s *routing) describeLimits() {
	registry := s.spec.Components.Schemas
	schema := registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	problem := func(status int, description string) *huma.Response {
		return &huma.Response{
			Description: strconv.Itoa(status) + " " + http.StatusText(status) + ": " + description,
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	for path, item := range s.spec.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch} {
			if op == nil {
				continue
			}
			delete(op.Responses, "default")
			asks := path == pathReadyz || strings.HasPrefix(path, "/v1/") && path != "/v1/status" && path != pathConfiguration && path != pathConfigurationSchema
			if asks {
				op.Responses["503"] = problem(http.StatusServiceUnavailable, "nothing is loaded yet, or min_lsn was not reached in time, or the server stops; Retry-After says when to ask again")
			}
			if !open(path) {
				op.Security = []map[string][]string{{"bearer": {}}, {}}
				op.Responses["400"] = problem(http.StatusBadRequest, "a parameter or the body is not understood; errors names it")
				op.Responses["401"] = problem(http.StatusUnauthorized, "a bearer token is needed")
				op.Responses["403"] = problem(http.StatusForbidden, "the token or the page's origin may not ask this")
			}
			for _, p := range op.Parameters {
				if p.In == "path" {
					op.Responses["404"] = problem(http.StatusNotFound, "there is no such task or step")
				}
			}
			if path == pathVerify {
				op.Responses["409"] = problem(http.StatusConflict, "a verification runs already")
			}
			if slices.Contains(op.Tags, tagTransitions) {
				op.Responses["503"] = problem(http.StatusServiceUnavailable, "the database did not carry it out, or the sidecar's role may not, or it is not known whether it was committed")
				if op.RequestBody != nil {
					op.Responses["404"] = problem(http.StatusNotFound, "there is no such task or step")
					op.Responses["409"] = problem(http.StatusConflict, "the transition is refused; refusal says why, and what is instead")
					op.Responses["422"] = problem(http.StatusUnprocessableEntity, "the key belongs to another request")
				}
			}
			if op.RequestBody != nil {
				op.Responses["413"] = problem(http.StatusRequestEntityTooLarge, "the body is too large")
			}
		}
	}
}

// bound gives the parameters that count rows the range from the options; huma
// checks it.
func (s *routing) bound(op *huma.Operation) {
	for _, p := range op.Parameters {
		byDefault, most := 0, s.options.MaxLimit
		switch p.Name {
		case "limit":
			byDefault = s.options.DefaultLimit
			if strings.HasPrefix(op.OperationID, "slowest") {
				byDefault = min(defaultSlowest, s.options.MaxLimit)
			}
		case "blockers":
			byDefault = s.options.DefaultBlockers
		case "paths":
			byDefault, most = s.options.DefaultPaths, s.options.MaxPaths
		default:
			continue
		}
		low, high := 1.0, float64(most)
		p.Schema.Minimum, p.Schema.Maximum, p.Schema.Default = &low, &high, byDefault
		p.Schema.PrecomputeMessages()
	}
}

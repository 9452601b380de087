package config

// Engine is what the Rails application configures its engine with, in the
// engine's own nine sections, so that it can be imported, compared and, where
// it means something to a process that runs no handlers, used here. No option
// of it changes when a step is ready: the engine's SQL functions have their own
// fixed waits, and so have our answers.
type Engine struct {
	Auth            EngineAuth            `carried:"the engine's own routes ask it; ours ask for http.tokens"`
	Database        EngineDatabase        `carried:"the engine finds its tables by it; ours are found by database.url"`
	Telemetry       EngineTelemetry       `carried:"it is about the engine's own logs and metrics; ours are under log, and at /metrics"`
	Engine          EngineCore            `carried:"it is about the Ruby code that the engine loads, and about how it makes tasks"`
	Health          EngineHealth          `carried:"the engine's own health routes go by it; ours are /healthz, /readyz and /v1/health-counts"`
	DependencyGraph EngineDependencyGraph `scope:"workflow"`
	Backoff         EngineBackoff         `scope:"workflow"`
	Execution       EngineExecution
	Cache           EngineCache `carried:"answers here are always of the newest position of the log; nothing is cached"`
}

// EngineAuth is who may ask the engine's own HTTP API. This server has its own
// rules, see http.tokens.
type EngineAuth struct {
	// AuthenticationEnabled makes the engine's routes ask who somebody is. It
	// needs authenticator_class.
	AuthenticationEnabled bool `default:"false"`
	// AuthenticatorClass is the Ruby class that finds out who somebody is, null
	// for none.
	AuthenticatorClass *string `form:"class!" default:"null"`
	// CurrentUserMethod is the controller's method that gives the user.
	CurrentUserMethod string `form:"method!" default:"current_user"`
	// AuthenticateUserMethod is the controller's method that demands one.
	AuthenticateUserMethod string `form:"method!" default:"authenticate_user!"`
	// AuthorizationEnabled makes the engine's routes ask what somebody may do.
	AuthorizationEnabled bool `default:"false"`
	// AuthorizationCoordinatorClass is the Ruby class that decides it.
	AuthorizationCoordinatorClass string `form:"class!" default:"Tasker::Authorization::BaseCoordinator"`
	// UserClass is the Ruby class of users, null for none.
	UserClass *string `form:"class!" default:"null"`
	// Strategy is how somebody is authenticated: none, test, custom or a word of
	// the application's own.
	Strategy string `form:"word!" default:"none"`
}

// EngineDatabase is where the engine keeps its tables. What this program
// follows is named by database.url.
type EngineDatabase struct {
	// Name is the key of the secondary database in config/database.yml, null for
	// none.
	Name *string `form:"word!" default:"null"`
	// EnableSecondaryDatabase puts the engine's tables into a database of their
	// own. The sidecar must then follow that one.
	EnableSecondaryDatabase bool `default:"false"`
}

// EngineCore is where the engine finds handlers and how it knows a task again.
type EngineCore struct {
	// TaskHandlerDirectory is where the handlers' Ruby files are, below
	// app/.
	TaskHandlerDirectory string `form:"path!" default:"tasks"`
	// TaskConfigDirectory is where the task templates are, below config/.
	TaskConfigDirectory string `form:"path!" default:"tasker/tasks"`
	// DefaultModuleNamespace is the module that generators put new handlers into,
	// null for none.
	DefaultModuleNamespace *string `form:"class!" default:"null"`
	// IdentityStrategy is what a new task is told from others by: default is a
	// random UUID, hash is the SHA-256 of its options as JSON, custom asks
	// identity_strategy_class, which it then needs.
	IdentityStrategy string `oneof:"default hash custom" default:"default"`
	// IdentityStrategyClass is the Ruby class that custom asks, null for none.
	IdentityStrategyClass *string `form:"class!" default:"null"`
	// CustomEventsDirectories are where the application defines events of its own.
	CustomEventsDirectories []string `form:"path" default:"config/tasker/events"`
}

// EngineHealth is how the engine's own health routes answer. Our probes are
// configured under http.
type EngineHealth struct {
	// StatusEndpointRequiresAuth is the old name of status_requires_authentication.
	StatusEndpointRequiresAuth bool `default:"true"`
	// ReadyRequiresAuthentication makes the readiness route ask who somebody is.
	ReadyRequiresAuthentication bool `default:"false"`
	// StatusRequiresAuthentication makes the status route ask who somebody is.
	StatusRequiresAuthentication bool `default:"true"`
	// ReadinessTimeoutSeconds is how many seconds a readiness check may take.
	ReadinessTimeoutSeconds float64 `range:"0.001.." default:"5"`
	// CacheDurationSeconds is for how many seconds the engine reuses a status that
	// it has computed. Ours is always of now.
	CacheDurationSeconds int `range:"1.." default:"15"`
}

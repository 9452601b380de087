package config_test

import (
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// A configuration is made, checked as a whole, and handed over.
func ExampleBuilder() {
	loaded, err := new(config.Builder).
		Set("http.listen", "127.0.0.1:9000").
		Set("maintenance.quiet_period", 2*time.Minute).
		For(config.Selector{Namespace: "payments"}, "maintenance.quiet_period", 5*time.Minute).
		Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	payments := loaded.For(config.Workflow{Namespace: "payments", Name: "refund", Version: "1.0.0"})
	fmt.Println(loaded.Config.HTTP.Listen, loaded.Config.Maintenance.QuietPeriod, payments.Maintenance.QuietPeriod)

	_, err = new(config.Builder).Set("http.max_limit", 10).Set("http.listen", "0.0.0.0:80").Build()
	fmt.Println(err)
	// Output:
	// 127.0.0.1:9000 2m0s 5m0s
	// the configuration has 3 problems:
	//   http.default_blockers: "100" (default) must not be above http.max_limit; http.max_limit is 10 (Builder)
	//   http.default_limit: "100" (default) must not be above http.max_limit; http.max_limit is 10 (Builder)
	//   http.listen: "0.0.0.0:80" (Builder) is beyond loopback, and anybody who can connect could ask: configure http.tokens, or listen on 127.0.0.1; http.tokens is empty (default)
}

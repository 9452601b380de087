package workload

import (
	"fmt"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// row is a step in the tables below: its parents by name, separated by spaces,
// attempts that fail first, and the retry limit where it is not 3.
type row struct {
	name, after string
	fails       int
	limit       int32
}

func build(namespace, name string, rows ...row) *Workflow {
	w := New(namespace, name)
	for _, r := range rows {
		var parents []int
		for p := range strings.FieldsSeq(r.after) {
			parents = append(parents, w.Index(p)) // -1 makes Add panic
		}
		i := w.Add(r.name, parents...)
		w.Steps[i].FailingAttempts = r.fails
		if r.limit > 0 {
			w.Steps[i].RetryLimit = tasker.Some(r.limit)
		}
	}
	return w
}

// onSystems sets the dependent system of steps by a word in their names.
func (w *Workflow) onSystems(bySubstring ...[2]string) *Workflow {
	for i := range w.Steps {
		for _, s := range bySubstring {
			if strings.Contains(w.Steps[i].Name, s[0]) {
				w.Steps[i].System = s[1]
				break
			}
		}
	}
	return w
}

// Linear is a chain of six steps, the third of which fails once.
func Linear() *Workflow {
	return build("default", "linear_workflow",
		row{name: "initialize_data"},
		row{name: "validate_input", after: "initialize_data"},
		row{name: "process_data", after: "validate_input", fails: 1},
		row{name: "transform_results", after: "process_data"},
		row{name: "validate_output", after: "transform_results"},
		row{name: "finalize_workflow", after: "validate_output"})
}

// Diamond splits into two branches and merges them.
func Diamond() *Workflow {
	return build("default", "diamond_workflow",
		row{name: "start_workflow"},
		row{name: "branch_one_process", after: "start_workflow", fails: 1},
		row{name: "branch_two_process", after: "start_workflow", fails: 1},
		row{name: "branch_one_validate", after: "branch_one_process"},
		row{name: "branch_two_validate", after: "branch_two_process"},
		row{name: "merge_branches", after: "branch_one_validate branch_two_validate"},
		row{name: "end_workflow", after: "merge_branches"})
}

// ParallelMerge has four roots, two of them processed further, merged at the end.
func ParallelMerge() *Workflow {
	return build("data_processing", "parallel_merge_workflow",
		row{name: "fetch_user_data"},
		row{name: "fetch_order_data", fails: 1},
		row{name: "fetch_inventory_data", fails: 1},
		row{name: "fetch_pricing_data"},
		row{name: "process_user_data", after: "fetch_user_data"},
		row{name: "process_order_data", after: "fetch_order_data"},
		row{name: "merge_all_data", after: "process_user_data process_order_data fetch_inventory_data fetch_pricing_data", fails: 1})
}

// TwoLevelTree is the engine's tree: two branches with two tasks under each,
// aggregated. For trees of any size see [Tree].
func TwoLevelTree() *Workflow {
	return build("default", "tree_workflow",
		row{name: "root_initialization"},
		row{name: "branch_a_setup", after: "root_initialization"},
		row{name: "branch_b_setup", after: "root_initialization", fails: 1},
		row{name: "branch_a_task_one", after: "branch_a_setup"},
		row{name: "branch_a_task_two", after: "branch_a_setup", fails: 1},
		row{name: "branch_b_task_one", after: "branch_b_setup"},
		row{name: "branch_b_task_two", after: "branch_b_setup", fails: 1},
		row{name: "aggregate_results", after: "branch_a_task_one branch_a_task_two branch_b_task_one branch_b_task_two"})
}

// Mixed combines roots, a join, a split and a short cut.
func Mixed() *Workflow {
	return build("default", "mixed_workflow",
		row{name: "init_auth"},
		row{name: "init_config"},
		row{name: "validate_permissions", after: "init_auth", fails: 1},
		row{name: "setup_environment", after: "init_config", fails: 1},
		row{name: "begin_processing", after: "validate_permissions setup_environment"},
		row{name: "process_critical_data", after: "begin_processing", fails: 2},
		row{name: "process_optional_data", after: "begin_processing"},
		row{name: "cleanup_temp_files", after: "setup_environment"},
		row{name: "finalize_and_report", after: "process_critical_data cleanup_temp_files"})
}

// FlakyChain is a chain whose middle steps fail twice and once.
func FlakyChain() *Workflow {
	return build("default", "flaky_workflow",
		row{name: "reliable_step"},
		row{name: "flaky_step", after: "reliable_step", fails: 2},
		row{name: "timeout_step", after: "flaky_step", fails: 1},
		row{name: "idempotent_step", after: "timeout_step"})
}

// APIIntegration joins two fetches and goes on as a chain.
func APIIntegration() *Workflow {
	return build("integrations", "api_integration_workflow",
		row{name: "fetch_cart"},
		row{name: "fetch_products"},
		row{name: "validate_products", after: "fetch_cart fetch_products"},
		row{name: "create_order", after: "validate_products"},
		row{name: "publish_event", after: "create_order"},
	).onSystems([2]string{"fetch", "api-system"}, [2]string{"order", "database-system"}, [2]string{"publish", "notification-system"})
}

// CustomerAnalytics is an extract-transform-load workflow.
func CustomerAnalytics() *Workflow {
	return build("data_processing", "customer_analytics",
		row{name: "extract_orders"},
		row{name: "extract_users", limit: 5},
		row{name: "extract_products"},
		row{name: "transform_customer_metrics", after: "extract_orders extract_users"},
		row{name: "transform_product_metrics", after: "extract_orders extract_products"},
		row{name: "generate_insights", after: "transform_customer_metrics transform_product_metrics"},
		row{name: "update_dashboard", after: "generate_insights"},
		row{name: "send_notifications", after: "generate_insights update_dashboard", limit: 5},
	).onSystems([2]string{"extract", "database-system"}, [2]string{"notifications", "notification-system"})
}

// ProcessOrder is a chain with limits of its own.
func ProcessOrder() *Workflow {
	return build("default", "process_order",
		row{name: "validate_cart"},
		row{name: "process_payment", after: "validate_cart"},
		row{name: "update_inventory", after: "process_payment", limit: 2},
		row{name: "create_order", after: "update_inventory"},
		row{name: "send_confirmation", after: "create_order", limit: 5},
	).onSystems([2]string{"payment", "api-system"}, [2]string{"inventory", "database-system"}, [2]string{"send", "notification-system"})
}

// UserRegistration is a diamond with a tail.
func UserRegistration() *Workflow {
	return build("default", "user_registration",
		row{name: "create_user_account"},
		row{name: "setup_billing_profile", after: "create_user_account"},
		row{name: "initialize_preferences", after: "create_user_account"},
		row{name: "send_welcome_sequence", after: "setup_billing_profile initialize_preferences"},
		row{name: "update_user_status", after: "send_welcome_sequence"})
}

// PaymentsRefund is the payment team's chain.
func PaymentsRefund() *Workflow {
	return build("payments", "process_refund",
		row{name: "check_payment"},
		row{name: "refund_payment", after: "check_payment"},
		row{name: "record_refund", after: "refund_payment"},
		row{name: "notify_customer", after: "record_refund"})
}

// CustomerSuccessRefund is the customer-success team's chain: the same named
// task in another namespace.
func CustomerSuccessRefund() *Workflow {
	return build("customer_success", "process_refund",
		row{name: "check_request"},
		row{name: "check_policy", after: "check_request"},
		row{name: "approve_refund", after: "check_policy"},
		row{name: "execute_refund", after: "approve_refund"},
		row{name: "update_ticket", after: "execute_refund"})
}

// EngineShapes are the workflows of the engine's own tests and examples that
// have no size.
func EngineShapes() []*Workflow {
	return []*Workflow{
		Linear(), Diamond(), ParallelMerge(), TwoLevelTree(), Mixed(), FlakyChain(), APIIntegration(),
		CustomerAnalytics(), ProcessOrder(), UserRegistration(), PaymentsRefund(), CustomerSuccessRefund(),
	}
}

// numbered gives step_1, step_2 …
func numbered(i int) string { return fmt.Sprintf("step_%d", i+1) }

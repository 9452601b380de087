package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The table of the engine's workflows: steps, edges, and each step as
// "name(failing attempts) limit < parents".
var engineTable = []struct {
	workflow     func() *Workflow
	steps, edges int
	text         string
}{
	{Linear, 6, 5, `initialize_data; validate_input < initialize_data; process_data(1) < validate_input;
		transform_results < process_data; validate_output < transform_results; finalize_workflow < validate_output`},
	{Diamond, 7, 7, `start_workflow; branch_one_process(1) < start_workflow; branch_two_process(1) < start_workflow;
		branch_one_validate < branch_one_process; branch_two_validate < branch_two_process;
		merge_branches < branch_one_validate branch_two_validate; end_workflow < merge_branches`},
	{ParallelMerge, 7, 6, `fetch_user_data; fetch_order_data(1); fetch_inventory_data(1); fetch_pricing_data;
		process_user_data < fetch_user_data; process_order_data < fetch_order_data;
		merge_all_data(1) < process_user_data process_order_data fetch_inventory_data fetch_pricing_data`},
	{TwoLevelTree, 8, 10, `root_initialization; branch_a_setup < root_initialization; branch_b_setup(1) < root_initialization;
		branch_a_task_one < branch_a_setup; branch_a_task_two(1) < branch_a_setup;
		branch_b_task_one < branch_b_setup; branch_b_task_two(1) < branch_b_setup;
		aggregate_results < branch_a_task_one branch_a_task_two branch_b_task_one branch_b_task_two`},
	{Mixed, 9, 9, `init_auth; init_config; validate_permissions(1) < init_auth; setup_environment(1) < init_config;
		begin_processing < validate_permissions setup_environment; process_critical_data(2) < begin_processing;
		process_optional_data < begin_processing; cleanup_temp_files < setup_environment;
		finalize_and_report < process_critical_data cleanup_temp_files`},
	{FlakyChain, 4, 3, `reliable_step; flaky_step(2) < reliable_step; timeout_step(1) < flaky_step; idempotent_step < timeout_step`},
	{APIIntegration, 5, 4, `fetch_cart; fetch_products; validate_products < fetch_cart fetch_products;
		create_order < validate_products; publish_event < create_order`},
	{CustomerAnalytics, 8, 9, `extract_orders; extract_users 5; extract_products;
		transform_customer_metrics < extract_orders extract_users; transform_product_metrics < extract_orders extract_products;
		generate_insights < transform_customer_metrics transform_product_metrics;
		update_dashboard < generate_insights; send_notifications 5 < generate_insights update_dashboard`},
	{ProcessOrder, 5, 4, `validate_cart; process_payment < validate_cart; update_inventory 2 < process_payment;
		create_order < update_inventory; send_confirmation 5 < create_order`},
	{UserRegistration, 5, 5, `create_user_account; setup_billing_profile < create_user_account;
		initialize_preferences < create_user_account; send_welcome_sequence < setup_billing_profile initialize_preferences;
		update_user_status < send_welcome_sequence`},
	{PaymentsRefund, 4, 3, ``},
	{CustomerSuccessRefund, 5, 4, ``},
	{func() *Workflow { return Chain(12) }, 12, 11, ``},
	{func() *Workflow { return Fan(12) }, 14, 24, ``},
}

func describe(w *Workflow) string {
	var steps []string
	for _, s := range w.Steps {
		text := s.Name
		if s.FailingAttempts > 0 {
			text += fmt.Sprintf("(%d)", s.FailingAttempts)
		}
		if s.RetryLimit != tasker.Some[int32](3) {
			text += fmt.Sprintf(" %d", s.RetryLimit.V)
		}
		if len(s.Parents) > 0 {
			text += " <"
		}
		for _, p := range s.Parents {
			text += " " + w.Steps[p].Name
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, "; ")
}

func TestEngineShapes(t *testing.T) {
	for _, want := range engineTable {
		w := want.workflow()
		t.Run(w.Name+"/"+w.Namespace, func(t *testing.T) {
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
			if len(w.Steps) != want.steps || w.Edges() != want.edges {
				t.Errorf("%d steps, %d edges; want %d, %d", len(w.Steps), w.Edges(), want.steps, want.edges)
			}
			if text := strings.Join(strings.Fields(want.text), " "); text != "" {
				if diff := cmp.Diff(text, describe(w)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if len(EngineShapes()) != len(engineTable)-2 {
		t.Errorf("EngineShapes has %d shapes, the table %d without a size", len(EngineShapes()), len(engineTable)-2)
	}
	for _, w := range EngineShapes() {
		if w.Namespace != "customer_success" && !slices.Contains(Namespaces, w.Namespace) {
			t.Errorf("%s is in the namespace %s, which the engine's examples do not have", w.Name, w.Namespace)
		}
	}
}

func TestRefundsAreChains(t *testing.T) {
	for _, w := range []*Workflow{PaymentsRefund(), CustomerSuccessRefund()} {
		for i, s := range w.Steps {
			if i > 0 && !slices.Equal(s.Parents, []int{i - 1}) {
				t.Errorf("%s/%s: step %d depends on %v", w.Namespace, w.Name, i, s.Parents)
			}
		}
	}
}

func TestSizedShapes(t *testing.T) {
	for _, c := range []struct {
		w            *Workflow
		steps, edges int
	}{
		{Chain(0), 0, 0}, {Chain(1), 1, 0}, {Chain(1000), 1000, 999},
		{Fan(0), 2, 1}, {Fan(1), 3, 2}, {Fan(500), 502, 1000},
		{Merge(0), 1, 0}, {Merge(7), 8, 7},
		{Tree(1, 2), 1, 0}, {Tree(31, 2), 31, 30}, {Tree(40, 3), 40, 39},
		{Ladder(0), 1, 0}, {Ladder(16), 49, 64}, {Ladder(20), 61, 80},
		{Coordination(3), 11, 12}, {LongBatch(4), 7, 6},
	} {
		if err := c.w.Check(); err != nil {
			t.Error(err)
		}
		if len(c.w.Steps) != c.steps || c.w.Edges() != c.edges {
			t.Errorf("%s: %d steps, %d edges; want %d, %d", c.w.Name, len(c.w.Steps), c.w.Edges(), c.steps, c.edges)
		}
	}
}

func TestRandomShapes(t *testing.T) {
	for seed := range uint64(20) {
		layered, sparse := Layered(200, 8, seed), Sparse(200, 1.2, seed)
		for _, w := range []*Workflow{layered, sparse} {
			if err := w.Check(); err != nil || len(w.Steps) != 200 {
				t.Fatal(w.Name, len(w.Steps), err)
			}
			for i, s := range w.Steps {
				if sorted := slices.Compact(slices.Sorted(slices.Values(s.Parents))); len(sorted) != len(s.Parents) {
					t.Errorf("%s: step %d has a parent twice: %v", w.Name, i, s.Parents)
				}
			}
		}
		if e := sparse.Edges(); e < 200 || e > 240 { // 240 drawn, repeated pairs dropped
			t.Errorf("sparse: %d edges", e)
		}
		if diff := cmp.Diff(Layered(200, 8, seed), layered); diff != "" {
			t.Error("the same seed gives another workflow:", diff)
		}
		if cmp.Equal(Layered(200, 8, seed+1), layered) {
			t.Error("another seed gives the same workflow")
		}
	}
	if w := Layered(200, 8, 1); w.Edges() < 200 {
		t.Errorf("layered: %d edges, so its steps do not depend on the layer before", w.Edges())
	}
}

func TestShapesByName(t *testing.T) {
	names := map[string]bool{}
	for _, s := range Shapes() {
		names[s.Name] = true
		for _, size := range []int{0, 1, 2, 10, 1000} {
			w := s.Build(size, 3)
			if err := w.Check(); err != nil {
				t.Errorf("%s(%d): %v", s.Name, size, err)
			}
			if s.Sized && size >= 10 && (len(w.Steps) < size-3 || len(w.Steps) > size+3) {
				t.Errorf("%s: %d steps, %d asked for", s.Name, len(w.Steps), size)
			}
		}
	}
	if len(names) != len(Shapes()) {
		t.Error("two shapes have the same name")
	}
	if s, err := ShapeByName("ladder"); err != nil || s.Name != "ladder" {
		t.Error(s, err)
	}
	if _, err := ShapeByName("ladderr"); err == nil || !strings.Contains(err.Error(), "parallel-merge") {
		t.Error("an unknown shape must be refused with the names that there are:", err)
	}
}

func TestHierarchyTiesTasks(t *testing.T) {
	f := DefaultHierarchy()
	if len(f.Tasks) != 4 {
		t.Fatal(len(f.Tasks))
	}
	into, out := map[int]int{}, map[int]int{}
	for _, l := range f.Links {
		switch {
		case l.From.Task == 0:
			into[l.To.Task]++
		case l.To.Task == 0:
			out[l.From.Task]++
		default:
			t.Errorf("%v ties two sub-workflows", l)
		}
	}
	// roots and leaves of API integration, user registration, refund
	if diff := cmp.Diff(map[int]int{1: 2, 2: 1, 3: 1}, into); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int]int{1: 1, 2: 1, 3: 1}, out); diff != "" {
		t.Error(diff)
	}
}

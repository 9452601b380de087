-- State history of steps, built like that of tasks.

CREATE TABLE tasker_workflow_step_transitions (
    id               bigserial PRIMARY KEY,
    to_state         character varying NOT NULL,
    from_state       character varying,
    metadata         jsonb DEFAULT '{}',
    sort_key         integer NOT NULL,
    most_recent      boolean NOT NULL DEFAULT true,
    workflow_step_id bigint NOT NULL,
    created_at       timestamp(6) without time zone NOT NULL,
    updated_at       timestamp(6) without time zone NOT NULL,
    CONSTRAINT fk_rails_6e0f6eb833
        FOREIGN KEY (workflow_step_id) REFERENCES tasker_workflow_steps(workflow_step_id)
);

CREATE UNIQUE INDEX idx_on_workflow_step_id_most_recent_97d5374ad6
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent)
    WHERE (most_recent = true);

CREATE UNIQUE INDEX idx_on_workflow_step_id_sort_key_4d476d7adb
    ON tasker_workflow_step_transitions (workflow_step_id, sort_key);

CREATE INDEX idx_step_transitions_current_state
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent, to_state)
    WHERE (most_recent = true);

CREATE INDEX idx_step_transitions_most_recent
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent)
    WHERE (most_recent = true);

CREATE INDEX index_step_transitions_completed
    ON tasker_workflow_step_transitions (workflow_step_id, to_state)
    WHERE ((to_state)::text = 'complete'::text);

CREATE INDEX index_step_transitions_completed_parents
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent)
    WHERE (((to_state)::text = ANY (ARRAY[('complete'::character varying)::text, ('resolved_manually'::character varying)::text])) AND (most_recent = true));

CREATE INDEX index_step_transitions_current_errors
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent, created_at)
    WHERE (((to_state)::text = 'error'::text) AND (most_recent = true));

CREATE INDEX index_step_transitions_current_state_optimized
    ON tasker_workflow_step_transitions (workflow_step_id, most_recent)
    WHERE (most_recent = true);

CREATE INDEX index_step_transitions_failures_with_timing
    ON tasker_workflow_step_transitions (workflow_step_id, to_state, created_at)
    WHERE ((to_state)::text = 'failed'::text);

CREATE INDEX index_step_transitions_for_current_state
    ON tasker_workflow_step_transitions (workflow_step_id, created_at);

CREATE INDEX index_tasker_workflow_step_transitions_on_sort_key
    ON tasker_workflow_step_transitions (sort_key);

CREATE INDEX index_tasker_workflow_step_transitions_on_workflow_step_id
    ON tasker_workflow_step_transitions (workflow_step_id);

-- State history of tasks. No row at all means pending; at most one row of a task is its most recent.

CREATE TABLE tasker_task_transitions (
    id          bigserial PRIMARY KEY,
    to_state    character varying NOT NULL,
    from_state  character varying,
    metadata    jsonb DEFAULT '{}',
    sort_key    integer NOT NULL,
    most_recent boolean NOT NULL DEFAULT true,
    task_id     bigint NOT NULL,
    created_at  timestamp(6) without time zone NOT NULL,
    updated_at  timestamp(6) without time zone NOT NULL,
    CONSTRAINT fk_rails_e8caec803c
        FOREIGN KEY (task_id) REFERENCES tasker_tasks(task_id)
);

CREATE INDEX idx_task_transitions_most_recent
    ON tasker_task_transitions (task_id, most_recent)
    WHERE (most_recent = true);

CREATE INDEX index_task_transitions_current_state
    ON tasker_task_transitions (task_id, created_at);

CREATE INDEX index_task_transitions_current_state_optimized
    ON tasker_task_transitions (task_id, most_recent)
    WHERE (most_recent = true);

CREATE INDEX index_tasker_task_transitions_on_sort_key
    ON tasker_task_transitions (sort_key);

CREATE INDEX index_tasker_task_transitions_on_task_id
    ON tasker_task_transitions (task_id);

CREATE UNIQUE INDEX index_tasker_task_transitions_on_task_id_and_most_recent
    ON tasker_task_transitions (task_id, most_recent)
    WHERE (most_recent = true);

CREATE UNIQUE INDEX index_tasker_task_transitions_on_task_id_and_sort_key
    ON tasker_task_transitions (task_id, sort_key);

-- One row per workflow that was ever requested.

CREATE TABLE tasker_tasks (
    task_id       bigserial PRIMARY KEY,
    named_task_id integer NOT NULL,
    complete      boolean NOT NULL DEFAULT false,
    requested_at  timestamp without time zone NOT NULL,
    initiator     character varying(128),
    source_system character varying(128),
    reason        character varying(128),
    bypass_steps  json,
    tags          jsonb,
    context       jsonb,
    identity_hash character varying(128) NOT NULL,
    created_at    timestamp(6) without time zone NOT NULL,
    updated_at    timestamp(6) without time zone NOT NULL,
    CONSTRAINT tasks_named_task_id_foreign
        FOREIGN KEY (named_task_id) REFERENCES tasker_named_tasks(named_task_id)
);

CREATE INDEX idx_tasks_active_operations
    ON tasker_tasks (task_id)
    WHERE ((complete = false) OR (complete IS NULL));

CREATE INDEX idx_tasks_active_workflow_summary
    ON tasker_tasks (task_id, complete)
    WHERE ((complete = false) OR (complete IS NULL));

CREATE INDEX idx_tasks_completion_status_created
    ON tasker_tasks (complete, created_at, task_id);

CREATE UNIQUE INDEX index_tasks_on_identity_hash
    ON tasker_tasks (identity_hash);

CREATE INDEX tasks_context_idx
    ON tasker_tasks USING gin (context);

CREATE INDEX tasks_context_idx1
    ON tasker_tasks USING gin (context jsonb_path_ops);

CREATE INDEX tasks_identity_hash_index
    ON tasker_tasks (identity_hash);

CREATE INDEX tasks_named_task_id_index
    ON tasker_tasks (named_task_id);

CREATE INDEX tasks_requested_at_index
    ON tasker_tasks (requested_at);

CREATE INDEX tasks_source_system_index
    ON tasker_tasks (source_system);

CREATE INDEX tasks_tags_idx
    ON tasker_tasks USING gin (tags);

CREATE INDEX tasks_tags_idx1
    ON tasker_tasks USING gin (tags jsonb_path_ops);

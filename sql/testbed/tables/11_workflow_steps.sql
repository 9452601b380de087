-- One row per step of a task. attempts and retry_limit can be NULL; in_process is never set by the engine itself.

CREATE TABLE tasker_workflow_steps (
    workflow_step_id        bigserial PRIMARY KEY,
    task_id                 bigint NOT NULL,
    named_step_id           integer NOT NULL,
    retryable               boolean NOT NULL DEFAULT true,
    retry_limit             integer DEFAULT 3,
    in_process              boolean NOT NULL DEFAULT false,
    processed               boolean NOT NULL DEFAULT false,
    processed_at            timestamp without time zone,
    attempts                integer,
    last_attempted_at       timestamp without time zone,
    backoff_request_seconds integer,
    inputs                  jsonb,
    results                 jsonb,
    created_at              timestamp(6) without time zone NOT NULL,
    updated_at              timestamp(6) without time zone NOT NULL,
    skippable               boolean NOT NULL DEFAULT false,
    CONSTRAINT workflow_steps_named_step_id_foreign
        FOREIGN KEY (named_step_id) REFERENCES tasker_named_steps(named_step_id),
    CONSTRAINT workflow_steps_task_id_foreign
        FOREIGN KEY (task_id) REFERENCES tasker_tasks(task_id)
);

CREATE INDEX idx_steps_active_operations
    ON tasker_workflow_steps (workflow_step_id, task_id)
    WHERE ((processed = false) OR (processed IS NULL));

CREATE INDEX idx_workflow_steps_task_grouping_active
    ON tasker_workflow_steps (task_id, workflow_step_id)
    WHERE ((processed = false) OR (processed IS NULL));

CREATE INDEX idx_workflow_steps_task_readiness
    ON tasker_workflow_steps (task_id, processed, workflow_step_id)
    WHERE (processed = false);

CREATE INDEX index_workflow_steps_backoff_timing
    ON tasker_workflow_steps (last_attempted_at, backoff_request_seconds)
    WHERE (backoff_request_seconds IS NOT NULL);

CREATE INDEX index_workflow_steps_by_task
    ON tasker_workflow_steps (task_id);

CREATE INDEX index_workflow_steps_processing_status
    ON tasker_workflow_steps (task_id, processed, in_process);

CREATE INDEX index_workflow_steps_retry_logic
    ON tasker_workflow_steps (attempts, retry_limit, retryable);

CREATE INDEX index_workflow_steps_retry_status
    ON tasker_workflow_steps (attempts, retry_limit);

CREATE INDEX index_workflow_steps_task_and_id
    ON tasker_workflow_steps (task_id, workflow_step_id);

CREATE INDEX index_workflow_steps_task_and_step_id
    ON tasker_workflow_steps (task_id, workflow_step_id);

CREATE INDEX index_workflow_steps_task_and_step_optimized
    ON tasker_workflow_steps (task_id, workflow_step_id);

CREATE INDEX index_workflow_steps_task_covering
    ON tasker_workflow_steps (task_id)
    INCLUDE (workflow_step_id, processed, in_process, attempts, retry_limit);

CREATE INDEX workflow_steps_last_attempted_at_index
    ON tasker_workflow_steps (last_attempted_at);

CREATE INDEX workflow_steps_named_step_id_index
    ON tasker_workflow_steps (named_step_id);

CREATE INDEX workflow_steps_processed_at_index
    ON tasker_workflow_steps (processed_at);

CREATE INDEX workflow_steps_task_id_index
    ON tasker_workflow_steps (task_id);

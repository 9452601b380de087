-- Which named steps a named task has, with the retry settings that new steps start from.

CREATE TABLE tasker_named_tasks_named_steps (
    id                  serial PRIMARY KEY,
    named_task_id       integer NOT NULL,
    named_step_id       integer NOT NULL,
    skippable           boolean NOT NULL DEFAULT false,
    default_retryable   boolean NOT NULL DEFAULT true,
    default_retry_limit integer NOT NULL DEFAULT 3,
    created_at          timestamp(6) without time zone NOT NULL,
    updated_at          timestamp(6) without time zone NOT NULL,
    CONSTRAINT named_tasks_named_steps_named_step_id_foreign
        FOREIGN KEY (named_step_id) REFERENCES tasker_named_steps(named_step_id),
    CONSTRAINT named_tasks_named_steps_named_task_id_foreign
        FOREIGN KEY (named_task_id) REFERENCES tasker_named_tasks(named_task_id)
);

CREATE INDEX named_tasks_named_steps_named_step_id_index
    ON tasker_named_tasks_named_steps (named_step_id);

CREATE INDEX named_tasks_named_steps_named_task_id_index
    ON tasker_named_tasks_named_steps (named_task_id);

CREATE UNIQUE INDEX named_tasks_steps_ids_unique
    ON tasker_named_tasks_named_steps (named_task_id, named_step_id);

-- Kinds of workflow: name and version within a namespace.
-- task_namespace_id is wider than the key it refers to, and the default configuration is a JSON string, as in the engine.

CREATE TABLE tasker_named_tasks (
    named_task_id     serial PRIMARY KEY,
    name              character varying(64) NOT NULL,
    description       character varying(255),
    created_at        timestamp(6) without time zone NOT NULL,
    updated_at        timestamp(6) without time zone NOT NULL,
    task_namespace_id bigint NOT NULL DEFAULT 1,
    version           character varying(16) NOT NULL DEFAULT '0.1.0',
    configuration     jsonb DEFAULT '"{}"',
    CONSTRAINT fk_rails_16a0297759
        FOREIGN KEY (task_namespace_id) REFERENCES tasker_task_namespaces(task_namespace_id)
);

CREATE INDEX named_tasks_configuration_gin_index
    ON tasker_named_tasks USING gin (configuration);

CREATE INDEX named_tasks_name_index
    ON tasker_named_tasks (name);

CREATE UNIQUE INDEX named_tasks_namespace_name_version_unique
    ON tasker_named_tasks (task_namespace_id, name, version);

CREATE INDEX named_tasks_task_namespace_id_index
    ON tasker_named_tasks (task_namespace_id);

CREATE INDEX named_tasks_version_index
    ON tasker_named_tasks (version);

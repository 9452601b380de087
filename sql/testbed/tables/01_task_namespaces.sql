-- Namespaces group named tasks: one row per business area.

CREATE TABLE tasker_task_namespaces (
    task_namespace_id serial PRIMARY KEY,
    name              character varying(64) NOT NULL,
    description       character varying(255),
    created_at        timestamp(6) without time zone NOT NULL,
    updated_at        timestamp(6) without time zone NOT NULL
);

CREATE INDEX task_namespaces_name_index
    ON tasker_task_namespaces (name);

CREATE UNIQUE INDEX task_namespaces_name_unique
    ON tasker_task_namespaces (name);

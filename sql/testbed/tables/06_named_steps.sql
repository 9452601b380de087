-- Kinds of steps, shared by all named tasks.

CREATE TABLE tasker_named_steps (
    named_step_id       serial PRIMARY KEY,
    dependent_system_id integer NOT NULL,
    name                character varying(128) NOT NULL,
    description         character varying(255),
    created_at          timestamp(6) without time zone NOT NULL,
    updated_at          timestamp(6) without time zone NOT NULL,
    CONSTRAINT named_steps_dependent_system_id_foreign
        FOREIGN KEY (dependent_system_id) REFERENCES tasker_dependent_systems(dependent_system_id)
);

CREATE UNIQUE INDEX named_step_by_system_uniq
    ON tasker_named_steps (dependent_system_id, name);

CREATE INDEX named_steps_dependent_system_id_index
    ON tasker_named_steps (dependent_system_id);

CREATE INDEX named_steps_name_index
    ON tasker_named_steps (name);

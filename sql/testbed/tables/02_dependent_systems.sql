-- Systems that steps talk to; every named step belongs to one.

CREATE TABLE tasker_dependent_systems (
    dependent_system_id serial PRIMARY KEY,
    name                character varying(64) NOT NULL,
    description         character varying(255),
    created_at          timestamp(6) without time zone NOT NULL,
    updated_at          timestamp(6) without time zone NOT NULL
);

CREATE INDEX dependent_systems_name_index
    ON tasker_dependent_systems (name);

CREATE UNIQUE INDEX dependent_systems_name_unique
    ON tasker_dependent_systems (name);

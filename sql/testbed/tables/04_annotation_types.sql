-- Kinds of notes that can be pinned to a task.

CREATE TABLE tasker_annotation_types (
    annotation_type_id serial PRIMARY KEY,
    name               character varying(64) NOT NULL,
    description        character varying(255),
    created_at         timestamp(6) without time zone NOT NULL,
    updated_at         timestamp(6) without time zone NOT NULL
);

CREATE INDEX annotation_types_name_index
    ON tasker_annotation_types (name);

CREATE UNIQUE INDEX annotation_types_name_unique
    ON tasker_annotation_types (name);

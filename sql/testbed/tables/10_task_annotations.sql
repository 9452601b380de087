-- Notes pinned to tasks.

CREATE TABLE tasker_task_annotations (
    task_annotation_id bigserial PRIMARY KEY,
    task_id            bigint NOT NULL,
    annotation_type_id integer NOT NULL,
    annotation         jsonb,
    created_at         timestamp(6) without time zone NOT NULL,
    updated_at         timestamp(6) without time zone NOT NULL,
    CONSTRAINT task_annotations_annotation_type_id_foreign
        FOREIGN KEY (annotation_type_id) REFERENCES tasker_annotation_types(annotation_type_id),
    CONSTRAINT task_annotations_task_id_foreign
        FOREIGN KEY (task_id) REFERENCES tasker_tasks(task_id)
);

CREATE INDEX task_annotations_annotation_idx
    ON tasker_task_annotations USING gin (annotation);

CREATE INDEX task_annotations_annotation_idx1
    ON tasker_task_annotations USING gin (annotation jsonb_path_ops);

CREATE INDEX task_annotations_annotation_type_id_index
    ON tasker_task_annotations (annotation_type_id);

CREATE INDEX task_annotations_task_id_index
    ON tasker_task_annotations (task_id);

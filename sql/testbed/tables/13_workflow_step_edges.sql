-- Edges between steps: to_step_id waits for from_step_id. The same edge may be there twice, and may join two tasks.

CREATE TABLE tasker_workflow_step_edges (
    id           bigserial PRIMARY KEY,
    from_step_id bigint NOT NULL,
    to_step_id   bigint NOT NULL,
    name         character varying NOT NULL,
    created_at   timestamp(6) without time zone NOT NULL,
    updated_at   timestamp(6) without time zone NOT NULL,
    CONSTRAINT fk_rails_7b4652ccf2
        FOREIGN KEY (from_step_id) REFERENCES tasker_workflow_steps(workflow_step_id),
    CONSTRAINT fk_rails_93ec0bf6eb
        FOREIGN KEY (to_step_id) REFERENCES tasker_workflow_steps(workflow_step_id)
);

CREATE INDEX idx_step_edges_from_to
    ON tasker_workflow_step_edges (from_step_id, to_step_id);

CREATE INDEX idx_step_edges_to_from
    ON tasker_workflow_step_edges (to_step_id, from_step_id);

CREATE INDEX idx_workflow_step_edges_dependency_lookup
    ON tasker_workflow_step_edges (to_step_id, from_step_id);

CREATE INDEX index_step_edges_child_lookup
    ON tasker_workflow_step_edges (to_step_id);

CREATE INDEX index_step_edges_dependency_pair
    ON tasker_workflow_step_edges (to_step_id, from_step_id);

CREATE INDEX index_step_edges_from_step_for_children
    ON tasker_workflow_step_edges (from_step_id);

CREATE INDEX index_step_edges_from_to_composite
    ON tasker_workflow_step_edges (from_step_id, to_step_id);

CREATE INDEX index_step_edges_parent_lookup
    ON tasker_workflow_step_edges (from_step_id);

CREATE INDEX index_step_edges_to_from_composite
    ON tasker_workflow_step_edges (to_step_id, from_step_id);

CREATE INDEX index_step_edges_to_step_for_parents
    ON tasker_workflow_step_edges (to_step_id);

CREATE INDEX index_tasker_workflow_step_edges_on_from_step_id
    ON tasker_workflow_step_edges (from_step_id);

CREATE INDEX index_tasker_workflow_step_edges_on_to_step_id
    ON tasker_workflow_step_edges (to_step_id);

CREATE INDEX index_workflow_step_edges_dependency_lookup
    ON tasker_workflow_step_edges (to_step_id, from_step_id);

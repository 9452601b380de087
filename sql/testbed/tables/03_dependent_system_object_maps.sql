-- Ids of one object in two dependent systems, side by side.
-- Its sequence bears the name that serial makes of a table and a column that together are too long.

CREATE TABLE tasker_dependent_system_object_maps (
    dependent_system_object_map_id bigserial PRIMARY KEY,
    dependent_system_one_id        integer NOT NULL,
    dependent_system_two_id        integer NOT NULL,
    remote_id_one                  character varying(128) NOT NULL,
    remote_id_two                  character varying(128) NOT NULL,
    created_at                     timestamp(6) without time zone NOT NULL,
    updated_at                     timestamp(6) without time zone NOT NULL,
    CONSTRAINT dependent_system_object_maps_dependent_system_one_id_foreign
        FOREIGN KEY (dependent_system_one_id) REFERENCES tasker_dependent_systems(dependent_system_id),
    CONSTRAINT dependent_system_object_maps_dependent_system_two_id_foreign
        FOREIGN KEY (dependent_system_two_id) REFERENCES tasker_dependent_systems(dependent_system_id)
);

CREATE UNIQUE INDEX dependent_system_object_maps_dependent_system_one_id_dependent_
    ON tasker_dependent_system_object_maps (dependent_system_one_id, dependent_system_two_id, remote_id_one, remote_id_two);

CREATE INDEX dependent_system_object_maps_dependent_system_one_id_index
    ON tasker_dependent_system_object_maps (dependent_system_one_id);

CREATE INDEX dependent_system_object_maps_dependent_system_two_id_index
    ON tasker_dependent_system_object_maps (dependent_system_two_id);

CREATE INDEX dependent_system_object_maps_remote_id_one_index
    ON tasker_dependent_system_object_maps (remote_id_one);

CREATE INDEX dependent_system_object_maps_remote_id_two_index
    ON tasker_dependent_system_object_maps (remote_id_two);

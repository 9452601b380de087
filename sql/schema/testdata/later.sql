-- A migration such as there may be: a column with rows in the table already, an
-- index, and a setting.

ALTER TABLE tasker_sidecar.settings ADD COLUMN later integer NOT NULL DEFAULT 7;
COMMENT ON COLUMN tasker_sidecar.settings.later IS 'Of a test.';

ALTER TABLE tasker_sidecar.step_rows ADD COLUMN later bigint;
UPDATE tasker_sidecar.step_rows SET later = workflow_step_id;
ALTER TABLE tasker_sidecar.step_rows ALTER COLUMN later SET NOT NULL;
COMMENT ON COLUMN tasker_sidecar.step_rows.later IS 'Of a test.';

CREATE INDEX step_rows_later ON tasker_sidecar.step_rows (later);

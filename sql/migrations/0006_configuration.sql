-- Options of sidecars that operators change in the database: each change is a
-- row, and none is ever altered, so that what was in force at any time can be
-- told and brought back. (How the drop-in functions answer a role is something
-- else, and in the table settings.)
--
-- Changes are made one transaction at a time, under an advisory lock that is
-- taken before a number is drawn: so the order of the numbers is the order in
-- which changes came to be in force, and who checks a change against all the
-- others under the lock has seen all of them.

CREATE TABLE tasker_sidecar.configuration_changes (
    change     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL CONSTRAINT configuration_changes_named CHECK (key <> ''),
    scope      text NOT NULL DEFAULT '',
    old_value  jsonb,
    value      jsonb,
    reason     text NOT NULL DEFAULT '',
    asked_by   text NOT NULL DEFAULT '',
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.statement_timestamp(),
    changed_by text NOT NULL DEFAULT session_user
);

CREATE INDEX configuration_changes_latest ON tasker_sidecar.configuration_changes (key, scope, change DESC);

COMMENT ON TABLE tasker_sidecar.configuration_changes IS
    'Every change of an option of sidecars in the database, by tasker-sidecar config set, unset and rollback, or PATCH /v1/config?persist=true. Rows are added and never altered; the latest of a key and scope is in force.';
COMMENT ON INDEX tasker_sidecar.configuration_changes_latest IS 'What is in force.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.change IS 'Its number, in the order in which changes came to be in force; there are gaps.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.key IS 'The option, as docs/configuration.md names it.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.scope IS 'The workflows and steps that it is for; empty: all.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.old_value IS 'What was in force before; NULL: nothing.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.value IS 'What is in force since; NULL: nothing any more, so that other sources say it.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.reason IS 'Why, in words; empty: nobody said.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.asked_by IS 'Who wanted it: the name of a token, or the user of a machine; empty: nobody said.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.changed_at IS 'When it was made; the same for all that were made together.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.changed_by IS 'The role of the session that made it.';

CREATE VIEW tasker_sidecar.configuration AS
SELECT c.key, c.scope, c.value, c.change, c.changed_at, c.changed_by, c.asked_by, c.reason
FROM (
    SELECT DISTINCT ON (l.key, l.scope) l.key, l.scope, l.value, l.change, l.changed_at, l.changed_by, l.asked_by, l.reason
    FROM tasker_sidecar.configuration_changes l
    ORDER BY l.key, l.scope, l.change DESC
) c
WHERE c.value IS NOT NULL;

COMMENT ON VIEW tasker_sidecar.configuration IS 'The options of sidecars that the database says, and who said them.';
COMMENT ON COLUMN tasker_sidecar.configuration.key IS 'The option, as docs/configuration.md names it.';
COMMENT ON COLUMN tasker_sidecar.configuration.scope IS 'The workflows and steps that it is for; empty: all.';
COMMENT ON COLUMN tasker_sidecar.configuration.value IS 'Its value.';
COMMENT ON COLUMN tasker_sidecar.configuration.change IS 'The change that set it.';
COMMENT ON COLUMN tasker_sidecar.configuration.changed_at IS 'When it was set.';
COMMENT ON COLUMN tasker_sidecar.configuration.changed_by IS 'The role of the session that set it.';
COMMENT ON COLUMN tasker_sidecar.configuration.asked_by IS 'Who wanted it.';
COMMENT ON COLUMN tasker_sidecar.configuration.reason IS 'Why.';

-- Whatever sidecar reads this database goes by it; there are no secrets in it.
GRANT SELECT ON tasker_sidecar.configuration TO PUBLIC;

CREATE FUNCTION tasker_sidecar.lock_configuration()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(8386110886241239043);
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.lock_configuration() IS 'Lets one transaction at a time change the configuration, from before its first change has a number.';

CREATE TRIGGER one_at_a_time BEFORE INSERT ON tasker_sidecar.configuration_changes
FOR EACH STATEMENT EXECUTE FUNCTION tasker_sidecar.lock_configuration();

CREATE FUNCTION tasker_sidecar.note_old_value()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    NEW.old_value = (
        SELECT c.value
        FROM tasker_sidecar.configuration_changes c
        WHERE c.key = NEW.key AND c.scope = NEW.scope
        ORDER BY c.change DESC
        LIMIT 1
    );
    RETURN NEW;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.note_old_value() IS 'Notes with a change what was in force before it.';

CREATE TRIGGER old_value BEFORE INSERT ON tasker_sidecar.configuration_changes
FOR EACH ROW EXECUTE FUNCTION tasker_sidecar.note_old_value();

CREATE FUNCTION tasker_sidecar.tell_of_configuration()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_notify('tasker_sidecar_configuration', '');
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.tell_of_configuration() IS 'Tells running sidecars that the configuration has changed.';

CREATE TRIGGER tell AFTER INSERT ON tasker_sidecar.configuration_changes
FOR EACH STATEMENT EXECUTE FUNCTION tasker_sidecar.tell_of_configuration();

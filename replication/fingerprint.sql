-- What the catalog says of everything that following relies on, as one JSON
-- value: one statement, so that it is of one moment. jsonb has one spelling for
-- one value, so that two answers can be compared as text.
--
-- $1  names of the followed tables
-- $2  the engine's schema; NULL looks into all
-- $3  oids of the tables as they were known before, to find one again that was
--     renamed or moved
-- $4  the publication
-- $5  names of the functions that the rules show in
--
-- A row's xmin says that the row was written again. It tells of what was changed
-- and changed back between two looks, and of ALTER COLUMN ... TYPE ... USING,
-- which can give every row another value and leave the type as it was.
SELECT jsonb_build_object(
    'database', current_database(),
    'server_version', current_setting('server_version_num')::integer,
    'synchronous_standby_names', current_setting('synchronous_standby_names'),
    'tables', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'oid', c.oid::bigint,
            'schema', n.nspname,
            'name', c.relname,
            'owner', pg_get_userbyid(c.relowner),
            'kind', c.relkind,
            'partition', c.relispartition,
            'children', EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
            'persistence', c.relpersistence,
            'replica_identity', c.relreplident,
            'key_columns', (
                SELECT jsonb_agg(a.attname ORDER BY k.place)
                FROM pg_index x
                CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
                WHERE x.indrelid = c.oid AND x.indisprimary AND k.place <= x.indnkeyatts
            ),
            'identity_columns', (
                SELECT jsonb_agg(a.attname ORDER BY k.place)
                FROM pg_index x
                CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
                WHERE x.indrelid = c.oid AND k.place <= x.indnkeyatts
                    AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END
            ),
            'columns', (
                SELECT jsonb_agg(jsonb_build_object(
                    'number', a.attnum,
                    'name', a.attname,
                    'type', format_type(a.atttypid, NULL),
                    'type_oid', a.atttypid::bigint,
                    'modifier', a.atttypmod,
                    'generated', a.attgenerated <> '',
                    'written', a.xmin::text
                ) ORDER BY a.attnum)
                FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            )
        ) ORDER BY n.nspname, c.relname)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (c.relname = ANY ($1::text[]) AND (n.nspname = $2::text OR $2::text IS NULL) OR c.oid = ANY ($3::oid[]))
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND c.relpersistence <> 't'
            AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tasker_sidecar', 'tasker_sidecar_compat')
    ), '[]'),
    'publication', (
        SELECT jsonb_build_object(
            'oid', p.oid::bigint,
            'name', p.pubname,
            'owner', pg_get_userbyid(p.pubowner),
            'written', p.xmin::text,
            'all_tables', p.puballtables,
            'insert', p.pubinsert,
            'update', p.pubupdate,
            'delete', p.pubdelete,
            'truncate', p.pubtruncate,
            'via_root', p.pubviaroot,
            -- What it covers by whatever clause: table, schema or all.
            'covers', coalesce((
                SELECT jsonb_agg(t.relid::bigint ORDER BY t.relid)
                FROM pg_get_publication_tables(p.pubname) t
                WHERE t.relid = ANY ($3::oid[]) OR t.relid IN (
                    SELECT c.oid FROM pg_class c WHERE c.relname = ANY ($1::text[])
                )
            ), '[]'),
            -- Its tables by name, with column list and row filter; read by way
            -- of JSON, as servers before 15 lack the two columns.
            'tables', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'oid', r.prrelid::bigint,
                    'schema', n.nspname,
                    'name', c.relname,
                    'written', r.oid::text || '/' || r.xmin::text,
                    'filter', md5(to_jsonb(r) ->> 'prqual'),
                    'columns', CASE WHEN jsonb_typeof(to_jsonb(r) -> 'prattrs') = 'array' THEN (
                        SELECT jsonb_agg(a.attname ORDER BY a.attnum)
                        FROM jsonb_array_elements_text(to_jsonb(r) -> 'prattrs') l(number)
                        JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = l.number::smallint
                    ) END
                ) ORDER BY n.nspname, c.relname)
                FROM pg_publication_rel r
                JOIN pg_class c ON c.oid = r.prrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE r.prpubid = p.oid
            ), '[]')
        )
        FROM pg_publication p
        WHERE p.pubname = $4::text
    ),
    'functions', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'schema', n.nspname,
            'name', f.proname,
            'arguments', pg_get_function_identity_arguments(f.oid),
            'definition', md5(f::text)
        ) ORDER BY n.nspname, f.proname, f.oid)
        FROM pg_proc f
        JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE f.proname = ANY ($5::text[])
            AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tasker_sidecar', 'tasker_sidecar_compat')
    ), '[]')
)::text

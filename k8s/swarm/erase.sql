-- Empties every table of the booking system and keeps its schema. scripts/k8s-race runs it, and only where the namespace
-- says booking.example/erasable.
DO $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(format('%I.%I', schemaname, tablename), ', ')
    INTO names
    FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'schema_migrations';
    IF names IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY CASCADE';
    END IF;
END
$$;

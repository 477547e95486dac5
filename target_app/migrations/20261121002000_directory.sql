-- migrate:up

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- A name as it is searched: without accents, in lower case. Immutable as long as the rules of the dictionary are:
-- after a change of these, rewrite doctors.searchable_name.
CREATE FUNCTION searchable(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(unaccent('unaccent'::regdictionary, normalize(name, NFC)));

ALTER TABLE doctors ADD COLUMN searchable_name text NOT NULL GENERATED ALWAYS AS (searchable(name)) STORED;

-- Search by a part of the name.
CREATE INDEX doctors_by_searchable_name ON doctors USING gin (searchable_name gin_trgm_ops);

-- Search without a specialty, in keyset order.
CREATE INDEX doctors_by_name ON doctors (name, id);

-- migrate:down

DROP INDEX doctors_by_name, doctors_by_searchable_name;
ALTER TABLE doctors DROP COLUMN searchable_name;
DROP FUNCTION searchable;
DROP EXTENSION unaccent, pg_trgm;

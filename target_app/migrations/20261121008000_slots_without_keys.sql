-- migrate:up

-- What a publication made is in publications; nobody read the key here. Replicas of before, which still write it, publish
-- nothing more until they are replaced.
ALTER TABLE slots DROP COLUMN publish_key;

-- migrate:down

ALTER TABLE slots ADD COLUMN publish_key text NOT NULL DEFAULT '';
ALTER TABLE slots ALTER COLUMN publish_key DROP DEFAULT;

-- migrate:up

-- What each publication made, so that a retry is answered as the first time even after its slots moved or went.
CREATE TABLE publications (
    actor_id        uuid NOT NULL REFERENCES accounts,
    idempotency_key text NOT NULL,
    fingerprint     bytea NOT NULL,          -- of the request
    slot_ids        uuid[] NOT NULL,
    during          tstzrange[] NOT NULL,    -- of each slot, in order of time
    published_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor_id, idempotency_key)
);

-- What each edit or removal of a slot did, so that a retry is answered as the first time. The slot may be gone.
CREATE TABLE slot_changes (
    actor_id        uuid NOT NULL REFERENCES accounts,
    idempotency_key text NOT NULL,
    fingerprint     bytea NOT NULL,          -- of the request
    slot_id         uuid NOT NULL,
    during          tstzrange,               -- of the slot since then; null when it was removed
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_slot_change_per_key PRIMARY KEY (actor_id, idempotency_key)
);

-- How many slots the doctor has to come. Volatile, so that who has waited for the lock of an agenda counts what was
-- published meanwhile. Uses slots_by_doctor.
CREATE FUNCTION slots_to_come(doctor uuid) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT count(*) FROM slots WHERE doctor_id = doctor AND lower(during) > now()
$$;

-- migrate:down

DROP FUNCTION slots_to_come;
DROP TABLE slot_changes;
DROP TABLE publications;

-- migrate:up

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Who does what happens by itself: offers, what expires, reminders.
CREATE FUNCTION system_actor() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '00000000-0000-0000-0000-000000000000'::uuid;

-- How long a slot is.
CREATE FUNCTION minutes_of(during tstzrange) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(epoch FROM upper(during) - lower(during)) / 60)::integer;

CREATE TABLE accounts (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    role          text NOT NULL CHECK (role IN ('patient', 'doctor', 'staff')),
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL              -- argon2id, PHC string
);

CREATE TABLE patients (
    id     uuid PRIMARY KEY REFERENCES accounts,
    name   text NOT NULL,
    cpf    text NOT NULL UNIQUE CHECK (cpf ~ '^[0-9]{11}$'),
    email  text NOT NULL,
    locale text NOT NULL DEFAULT 'pt-BR' CHECK (locale IN ('pt-BR', 'en'))
);

CREATE TABLE doctors (
    id          uuid PRIMARY KEY REFERENCES accounts,
    name        text NOT NULL,
    crm         text NOT NULL CHECK (crm ~ '^[0-9]{4,7}$'),
    crm_state   text NOT NULL CHECK (crm_state ~ '^[A-Z]{2}$'),
    specialty   text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents >= 0),  -- BRL
    email       text NOT NULL,
    locale      text NOT NULL DEFAULT 'pt-BR' CHECK (locale IN ('pt-BR', 'en')),
    UNIQUE (crm, crm_state)
);

-- Search by specialty, in keyset order.
CREATE INDEX doctors_by_specialty ON doctors (specialty, name, id);

CREATE TABLE slots (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    doctor_id   uuid NOT NULL REFERENCES doctors,
    during      tstzrange NOT NULL CHECK (NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)),
    publish_key text NOT NULL,               -- Idempotency-Key of the publication
    UNIQUE (id, doctor_id),
    CONSTRAINT slots_never_overlap EXCLUDE USING gist (doctor_id WITH =, during WITH &&)
);

-- A doctor's agenda, in order of time.
CREATE INDEX slots_by_doctor ON slots (doctor_id, lower(during));

CREATE TABLE appointments (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    slot_id         uuid NOT NULL,
    doctor_id       uuid NOT NULL,
    patient_id      uuid NOT NULL REFERENCES patients,
    during          tstzrange NOT NULL,
    price_cents     integer NOT NULL,        -- BRL, as it was at booking
    state           text NOT NULL CHECK (state IN ('requested', 'accepted', 'declined', 'cancelled', 'completed', 'no_show')),
    idempotency_key text NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (slot_id, doctor_id) REFERENCES slots (id, doctor_id),
    CONSTRAINT one_appointment_per_key UNIQUE (patient_id, idempotency_key),
    CONSTRAINT patients_are_in_one_place EXCLUDE USING gist (patient_id WITH =, during WITH &&)
        WHERE (state IN ('requested', 'accepted'))
);

-- The last word in every race: a slot is held by at most one appointment.
CREATE UNIQUE INDEX one_holder_per_slot ON appointments (slot_id)
    WHERE state IN ('requested', 'accepted', 'completed', 'no_show');

-- Every change of an appointment's state. It is both the history and the transactional outbox: an event whose
-- relayed_at is null has not been handed to the stream yet.
CREATE TABLE appointment_events (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    appointment_id  uuid NOT NULL REFERENCES appointments,
    state           text NOT NULL,
    actor_id        uuid NOT NULL,
    reason          text,
    idempotency_key text NOT NULL,
    at              timestamptz NOT NULL DEFAULT now(),
    relayed_at      timestamptz
);

CREATE INDEX appointment_events_by_appointment ON appointment_events (appointment_id);
CREATE INDEX appointment_events_to_relay ON appointment_events (id) WHERE relayed_at IS NULL;

-- One row per e-mail. The primary key makes a redelivered event send nothing twice.
CREATE TABLE notifications (
    event_id  uuid NOT NULL REFERENCES appointment_events,
    recipient text NOT NULL,
    state     text NOT NULL CHECK (state IN ('sending', 'sent', 'failed')),
    attempts  integer NOT NULL DEFAULT 1,
    error     text,
    sent_at   timestamptz,
    PRIMARY KEY (event_id, recipient)
);

-- migrate:down

DROP TABLE notifications, appointment_events, appointments, slots, doctors, patients, accounts;
DROP FUNCTION minutes_of, system_actor;

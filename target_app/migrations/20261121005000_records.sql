-- migrate:up

-- A patient's files: what is known of them; their bytes are in the object store.
-- The uploader knows upload_key alone. A worker copies what it has checked to object_key, so that nobody can exchange
-- a file after the check. Keys are random: they say nothing of anybody.
CREATE TABLE records (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    patient_id       uuid NOT NULL REFERENCES patients,
    uploaded_by      uuid NOT NULL REFERENCES accounts,
    name             text NOT NULL,             -- as people call it
    kind             text NOT NULL CHECK (kind IN ('report', 'xray', 'photo', 'prescription', 'other')),
    content_type     text NOT NULL,
    size_bytes       integer NOT NULL CHECK (size_bytes > 0),
    sha256           bytea CHECK (length(sha256) = 32),
    state            text NOT NULL DEFAULT 'awaiting'
                     CHECK (state IN ('awaiting', 'checking', 'stored', 'rejected', 'deleted')),
    rejected_because text,
    has_preview      boolean NOT NULL DEFAULT false,
    upload_key       text NOT NULL DEFAULT 'uploads/' || gen_random_uuid(),
    object_key       text NOT NULL DEFAULT 'files/' || gen_random_uuid(),
    preview_key      text NOT NULL DEFAULT 'previews/' || gen_random_uuid(),
    idempotency_key  text NOT NULL,
    uploaded_key     text,                      -- Idempotency-Key of the message that it is uploaded
    attempts         integer NOT NULL DEFAULT 0,  -- of workers to check it
    claimed_until    timestamptz,               -- until when the last of them may work on it
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_record_per_key UNIQUE (uploaded_by, idempotency_key),
    CONSTRAINT deleted_records_say_nothing CHECK ((state = 'deleted') = (sha256 IS NULL))
);

CREATE INDEX records_by_patient ON records (patient_id, id);
CREATE INDEX records_to_check ON records (id) WHERE state = 'checking';
CREATE INDEX records_never_uploaded ON records (created_at) WHERE state = 'awaiting';

-- Objects that must go, and from when on: written in the transaction that decides it, done by a worker.
CREATE TABLE object_removals (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    object_key text NOT NULL,
    due_at     timestamptz NOT NULL
);

CREATE INDEX object_removals_due ON object_removals (due_at);

-- Leave that a patient gave a doctor to read their files, for a time.
CREATE TABLE record_shares (
    patient_id uuid NOT NULL REFERENCES patients,
    doctor_id  uuid NOT NULL REFERENCES doctors,
    expires_at timestamptz NOT NULL,
    shared_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient_id, doctor_id)
);

-- The one rule on who reads a patient's files: the patient, a doctor who sees or saw them, one they share them with.
-- An appointment that was cancelled, declined or only offered is none, nor is a request that was not answered until its
-- end. Uses appointments_by_patient.
CREATE FUNCTION may_read_records(reader uuid, patient uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN reader = patient OR EXISTS (
    SELECT FROM appointments
    WHERE appointments.patient_id = patient AND appointments.doctor_id = reader
      AND (
          appointments.state IN ('accepted', 'completed', 'no_show')
          OR (appointments.state = 'requested' AND upper(appointments.during) > now())
      )
) OR EXISTS (
    SELECT FROM record_shares AS share
    WHERE share.patient_id = patient AND share.doctor_id = reader AND share.expires_at > now()
);

CREATE TABLE prescriptions (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    appointment_id  uuid NOT NULL REFERENCES appointments,
    patient_id      uuid NOT NULL REFERENCES patients,
    doctor_id       uuid NOT NULL REFERENCES doctors,
    items           jsonb NOT NULL,             -- [{medicine, dosage, instructions}]
    notes           text,
    idempotency_key text NOT NULL,
    issued_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_prescription_per_key UNIQUE (doctor_id, idempotency_key)
);

CREATE INDEX prescriptions_by_patient ON prescriptions (patient_id, id);
CREATE INDEX prescriptions_by_doctor ON prescriptions (doctor_id, id);

-- Who looked at what of a patient's: written by the statement that lets them. Names nobody.
CREATE TABLE record_accesses (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    patient_id uuid NOT NULL REFERENCES patients,
    reader_id  uuid NOT NULL REFERENCES accounts,
    action     text NOT NULL CHECK (action IN ('listed', 'read', 'downloaded', 'prescriptions')),
    record_id  uuid REFERENCES records ON DELETE SET NULL,
    at         timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX record_accesses_by_patient ON record_accesses (patient_id, id);
CREATE INDEX record_accesses_by_record ON record_accesses (record_id);

-- migrate:down

DROP TABLE record_accesses, prescriptions;
DROP FUNCTION may_read_records;
DROP TABLE record_shares, object_removals, records;

-- migrate:up

CREATE TABLE clinics (
    id   uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL UNIQUE
);

CREATE TABLE staff (
    id        uuid PRIMARY KEY REFERENCES accounts,
    clinic_id uuid NOT NULL REFERENCES clinics,
    name      text NOT NULL,
    email     text NOT NULL,
    locale    text NOT NULL DEFAULT 'pt-BR' CHECK (locale IN ('pt-BR', 'en'))
);

ALTER TABLE doctors ADD COLUMN clinic_id uuid REFERENCES clinics;
CREATE INDEX doctors_by_clinic ON doctors (clinic_id, name, id);

-- Whether the actor may act for the doctor: the doctor themselves, or staff of their clinic.
CREATE FUNCTION acts_for(actor uuid, doctor uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN actor = doctor OR EXISTS (
    SELECT FROM staff JOIN doctors ON doctors.clinic_id = staff.clinic_id
    WHERE staff.id = actor AND doctors.id = doctor
);

-- A slot that somebody holds can neither go nor move: the foreign key sees what is held, and when.
-- What is not held any more is history, and keeps the slot's id without standing in its way.
ALTER TABLE appointments
    DROP CONSTRAINT appointments_slot_id_doctor_id_fkey,
    DROP CONSTRAINT appointments_state_check;
DROP INDEX one_holder_per_slot;
ALTER TABLE slots
    DROP CONSTRAINT slots_id_doctor_id_key,
    ADD CONSTRAINT slots_as_held UNIQUE (id, doctor_id, during);
ALTER TABLE appointments
    ADD CONSTRAINT appointments_state_check CHECK (state IN (
        'offered', 'requested', 'accepted', 'completed', 'no_show',    -- these hold their slot
        'declined', 'cancelled', 'expired'                             -- these do not
    )),
    ADD COLUMN held_slot_id uuid GENERATED ALWAYS AS (
        CASE WHEN state IN ('offered', 'requested', 'accepted', 'completed', 'no_show') THEN slot_id END
    ) STORED,
    ADD COLUMN video_url text,                                         -- once accepted
    ADD COLUMN rescheduled_from uuid REFERENCES appointments,
    ADD COLUMN offer_expires_at timestamptz,                           -- of an offer to the first in a waiting list
    ADD CONSTRAINT offers_expire CHECK ((state = 'offered') <= (offer_expires_at IS NOT NULL)),
    ADD CONSTRAINT held_slots_stay FOREIGN KEY (held_slot_id, doctor_id, during) REFERENCES slots (id, doctor_id, during);

-- The last word in every race: a slot is held by at most one appointment.
CREATE UNIQUE INDEX one_holder_per_slot ON appointments (held_slot_id) WHERE held_slot_id IS NOT NULL;

-- Lists of a patient's and a doctor's appointments, newest first.
CREATE INDEX appointments_by_patient ON appointments (patient_id, id);
CREATE INDEX appointments_by_doctor ON appointments (doctor_id, id);

-- Who waits for a slot of a doctor, in order of arrival.
CREATE TABLE waiting_list (
    doctor_id  uuid NOT NULL REFERENCES doctors,
    patient_id uuid NOT NULL REFERENCES patients,
    joined_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (doctor_id, patient_id)
);
CREATE INDEX waiting_list_in_order ON waiting_list (doctor_id, joined_at, patient_id);
CREATE INDEX offers_to_expire ON appointments (offer_expires_at) WHERE state = 'offered';

-- One reminder per appointment, however many schedulers there are.
CREATE UNIQUE INDEX one_reminder_per_appointment ON appointment_events (appointment_id) WHERE state = 'reminder';
CREATE INDEX appointments_to_remind ON appointments (lower(during)) WHERE state = 'accepted';

-- migrate:down

DROP INDEX appointments_to_remind, one_reminder_per_appointment, offers_to_expire;
DROP TABLE waiting_list;
DROP INDEX appointments_by_doctor, appointments_by_patient, one_holder_per_slot;
ALTER TABLE appointments
    DROP CONSTRAINT held_slots_stay,
    DROP CONSTRAINT offers_expire,
    DROP CONSTRAINT appointments_state_check,
    DROP COLUMN offer_expires_at,
    DROP COLUMN rescheduled_from,
    DROP COLUMN video_url,
    DROP COLUMN held_slot_id;
ALTER TABLE slots
    DROP CONSTRAINT slots_as_held,
    ADD CONSTRAINT slots_id_doctor_id_key UNIQUE (id, doctor_id);
ALTER TABLE appointments
    ADD CONSTRAINT appointments_state_check
        CHECK (state IN ('requested', 'accepted', 'declined', 'cancelled', 'completed', 'no_show')),
    ADD FOREIGN KEY (slot_id, doctor_id) REFERENCES slots (id, doctor_id);
CREATE UNIQUE INDEX one_holder_per_slot ON appointments (slot_id)
    WHERE state IN ('requested', 'accepted', 'completed', 'no_show');
DROP FUNCTION acts_for;
ALTER TABLE doctors DROP COLUMN clinic_id;
DROP TABLE staff, clinics;

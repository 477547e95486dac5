-- migrate:up

-- The link that the appointment had after the change, so that a retry is answered as the first time.
ALTER TABLE appointment_events ADD COLUMN video_url text;

-- A doctor's appointments by when they begin.
CREATE INDEX appointments_by_doctor_and_start ON appointments (doctor_id, lower(during));

-- Requests that nobody answered before their time came.
CREATE INDEX requests_to_lapse ON appointments (lower(during)) WHERE state = 'requested';

-- Whose lists a patient waits in.
CREATE INDEX waiting_list_by_patient ON waiting_list (patient_id);

-- The Idempotency-Key of a change belongs to one change for ever. Bookings have one_appointment_per_key for that, and
-- what the system does has no key of a client's: their events are not in here, so that a booking has no index more.
CREATE UNIQUE INDEX one_change_per_key ON appointment_events (actor_id, idempotency_key)
    WHERE state NOT IN ('requested', 'offered', 'moved', 'reminder');

-- Each time that a patient joined or left a waiting list, by the Idempotency-Key that they did it with.
CREATE TABLE waiting_list_changes (
    patient_id      uuid NOT NULL REFERENCES patients,
    idempotency_key text NOT NULL,
    doctor_id       uuid NOT NULL REFERENCES doctors,
    position        integer,                 -- that they were told when they joined; null for leaving
    at              timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient_id, idempotency_key)
);

-- Appointments as they are shown, with their people's names.
CREATE VIEW named_appointments AS
SELECT
    appointments.id, slot_id, doctor_id, patient_id, during, appointments.price_cents, state, video_url,
    rescheduled_from, offer_expires_at,
    patients.name AS patient_name, doctors.name AS doctor_name
FROM appointments
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id;

-- Offers a slot that has just become free to the first who waits for its doctor, in the transaction that freed it, so
-- that nobody can book it in between. They leave the list and hold the slot until the offer ends; the slot must begin
-- so much later that an offer makes sense. Whoever gave the slot up does not get it again and keeps their place.
-- Who is being offered another slot at this moment is skipped: that transaction takes them off the list.
-- Answers the patient, or null when the slot stays free. Uses waiting_list_in_order.
CREATE FUNCTION offer_to_next(freed_slot_id uuid, given_up_by uuid, offer_s double precision) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    WITH slot AS (
        SELECT slots.id, slots.doctor_id, slots.during, doctors.price_cents
        FROM slots JOIN doctors ON doctors.id = slots.doctor_id
        WHERE slots.id = freed_slot_id AND lower(slots.during) > now() + interval '5 minutes'
    ), first AS MATERIALIZED (
        SELECT waiting_list.doctor_id, waiting_list.patient_id
        FROM waiting_list JOIN slot ON slot.doctor_id = waiting_list.doctor_id
        WHERE waiting_list.patient_id <> given_up_by
        ORDER BY waiting_list.joined_at, waiting_list.patient_id
        LIMIT 1
        FOR UPDATE OF waiting_list SKIP LOCKED
    ), gone AS (
        DELETE FROM waiting_list USING first
        WHERE waiting_list.doctor_id = first.doctor_id AND waiting_list.patient_id = first.patient_id
    ), offer AS (
        INSERT INTO appointments (
            slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key, offer_expires_at
        )
        SELECT slot.id, slot.doctor_id, first.patient_id, slot.during, slot.price_cents, 'offered',
               format('offer:%s:%s', slot.id, gen_random_uuid()),
               least(now() + make_interval(secs => offer_s), lower(slot.during))
        FROM slot CROSS JOIN first
        RETURNING *
    ), event AS (
        INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)
        SELECT id, state, system_actor(), idempotency_key FROM offer
    )
    SELECT patient_id FROM offer
$$;

-- migrate:down

DROP FUNCTION offer_to_next;
DROP VIEW named_appointments;
DROP TABLE waiting_list_changes;
DROP INDEX one_change_per_key, waiting_list_by_patient, requests_to_lapse, appointments_by_doctor_and_start;
ALTER TABLE appointment_events DROP COLUMN video_url;

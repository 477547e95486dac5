-- Move an appointment to another free slot of the same doctor: the new one is made and the old one cancelled, or
-- neither. $1 appointment, $2 its patient, $3 the other slot, $4 Idempotency-Key, $5 how long an offer of the old slot
-- stands, in seconds.
-- Answers the new appointment, which keeps the price, with the slot that became free and to whom that is now offered;
-- or no row when the appointment is not live or has begun, its patient was removed, or the slot is none of that
-- doctor's to come. Raises a unique violation when the slot is taken (one_holder_per_slot) or the key is used
-- (one_appointment_per_key, one_change_per_key), an exclusion violation when the patient is elsewhere then
-- (patients_are_in_one_place), and a foreign key violation when the slot moved or went meanwhile (held_slots_stay).
-- refusal.sql and unchanged.sql say more.
WITH patient AS (
    SELECT id FROM patients WHERE id = $2 AND removed_at IS NULL
    FOR KEY SHARE                               -- not while the patient is being removed
), old AS (
    UPDATE appointments SET state = 'cancelled', video_url = NULL
    FROM slots, patient
    WHERE appointments.id = $1 AND appointments.patient_id = patient.id
      AND appointments.state IN ('requested', 'accepted')
      AND lower(appointments.during) > now()
      AND slots.id = $3 AND slots.doctor_id = appointments.doctor_id AND lower(slots.during) > now()
      AND slots.id <> appointments.slot_id
    RETURNING appointments.*, slots.during AS new_during
), new AS (
    INSERT INTO appointments (
        slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key, rescheduled_from
    )
    SELECT $3, doctor_id, patient_id, new_during, price_cents, 'requested', $4, id FROM old
    RETURNING *
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)
    SELECT id, 'moved', $2, $4 FROM old
    UNION ALL
    SELECT id, 'rescheduled', $2, $4 FROM new
)
SELECT
    new.id, new.slot_id, new.doctor_id, new.patient_id, new.during, new.price_cents, new.state, new.video_url,
    new.rescheduled_from, new.offer_expires_at,
    old.slot_id AS freed_slot_id,
    offer_to_next(old.slot_id, old.patient_id, $5) AS offered_to
FROM new JOIN old ON old.id = new.rescheduled_from

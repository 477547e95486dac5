-- One booking, one statement, one round trip. $1 patient, $2 slot, $3 Idempotency-Key.
-- Answers the appointment, or no row when a constraint (one_holder_per_slot, one_appointment_per_key,
-- patients_are_in_one_place) refused it or the slot is unknown or past, or the patient is: refusal.sql then says which.
WITH booked AS (
    INSERT INTO appointments (slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key)
    SELECT slots.id, slots.doctor_id, $1, slots.during, doctors.price_cents, 'requested', $3
    FROM slots
    JOIN doctors ON doctors.id = slots.doctor_id
    JOIN patients ON patients.id = $1 AND patients.removed_at IS NULL
    WHERE slots.id = $2 AND lower(slots.during) > now()
    FOR KEY SHARE OF patients                   -- not while the patient is being removed
    ON CONFLICT DO NOTHING
    RETURNING *
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)
    SELECT id, state, patient_id, idempotency_key FROM booked
)
SELECT id, slot_id, doctor_id, patient_id, during, price_cents, state, video_url, rescheduled_from, offer_expires_at
FROM booked

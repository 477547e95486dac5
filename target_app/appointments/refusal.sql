-- Why request.sql or reschedule.sql booked nothing. $1 patient, $2 slot, $3 Idempotency-Key. Always one row.
-- unknown: there is no such patient (any more).
-- known, slot_doctor, past: of the slot. holder: the patient who has the slot.
-- elsewhere: the patient has another live appointment then.
-- The other columns are the appointment that this key already made, if any (one_appointment_per_key).
SELECT
    NOT EXISTS (SELECT FROM patients WHERE id = $1 AND removed_at IS NULL) AS unknown,
    slots.id IS NOT NULL AS known,
    slots.doctor_id AS slot_doctor,
    coalesce(lower(slots.during) <= now(), false) AS past,
    holding.patient_id AS holder,
    EXISTS (
        SELECT FROM appointments AS other   -- patients_are_in_one_place
        WHERE other.patient_id = $1 AND other.during && slots.during AND other.state IN ('requested', 'accepted')
    ) AS elsewhere,
    made.id, made.slot_id, made.doctor_id, made.patient_id, made.during, made.price_cents, made.state,
    made.video_url, made.rescheduled_from, made.offer_expires_at
FROM (VALUES ($1::uuid, $2::uuid, $3::text)) AS asked (patient_id, slot_id, idempotency_key)
LEFT JOIN slots ON slots.id = asked.slot_id
LEFT JOIN appointments AS holding            -- one_holder_per_slot
    ON holding.held_slot_id = asked.slot_id
LEFT JOIN appointments AS made
    ON made.patient_id = asked.patient_id AND made.idempotency_key = asked.idempotency_key

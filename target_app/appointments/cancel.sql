-- $1 appointment, $2 who cancels (its patient or its doctor), $3 reason, $4 Idempotency-Key.
-- Answers the appointment, or no row when there is no live one of theirs.
WITH cancelled AS (
    UPDATE appointments SET state = 'cancelled'
    WHERE id = $1 AND $2 IN (patient_id, doctor_id) AND state IN ('requested', 'accepted')
    RETURNING *
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, reason, idempotency_key)
    SELECT id, state, $2, $3, $4 FROM cancelled
)
SELECT id, slot_id, doctor_id, patient_id, during, price_cents, state FROM cancelled

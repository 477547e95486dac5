-- $1 appointment, $2 who asks (its patient or its doctor), $3 Idempotency-Key of a cancellation.
-- replayed: this key is the one that cancelled it.
SELECT
    id, slot_id, doctor_id, patient_id, during, price_cents, state,
    EXISTS (
        SELECT FROM appointment_events AS event
        WHERE event.appointment_id = appointments.id AND event.state = 'cancelled'
          AND event.actor_id = $2 AND event.idempotency_key = $3
    ) AS replayed
FROM appointments
WHERE id = $1 AND $2 IN (patient_id, doctor_id)

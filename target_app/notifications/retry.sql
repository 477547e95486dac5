-- Has a failed e-mail sent again. $1 staff, $2 event, $3 recipient, $4 Idempotency-Key. Answers the event, or no row
-- when there is no such failed e-mail in their clinic to somebody who still has that address: retry_refusal.sql then
-- says which. A key that was used before breaks notification_retries_pkey, and nothing happens.
-- The event goes into the outbox again in the same statement, so no crash can lose it.
-- Its attempts count anew, from the one that staff saw fail, so that a busy mail server puts it off and it is not dead
-- at once. From 0 it would pass for one that was never tried, and its dead letter would stay.
WITH again AS (
    UPDATE notifications SET state = 'sending', attempts = 1
    FROM appointment_events AS event
    JOIN appointments ON appointments.id = event.appointment_id
    JOIN patients ON patients.id = appointments.patient_id
    JOIN doctors ON doctors.id = appointments.doctor_id
    WHERE notifications.event_id = $2 AND notifications.recipient = $3 AND notifications.state = 'failed'
      AND event.id = notifications.event_id
      AND notifications.recipient IN (doctors.email, CASE WHEN patients.removed_at IS NULL THEN patients.email END)
      AND acts_for($1, appointments.doctor_id)
    RETURNING notifications.event_id, notifications.recipient
), noted AS (
    INSERT INTO notification_retries (staff_id, idempotency_key, event_id, recipient)
    SELECT $1, $4, event_id, recipient FROM again
)
UPDATE appointment_events SET relayed_at = NULL, requeued_at = now()
FROM again WHERE appointment_events.id = again.event_id
RETURNING appointment_events.id

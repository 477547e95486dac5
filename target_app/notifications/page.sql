-- A page of a clinic's e-mails, newest event first. $1 staff; each filter that is null lets all pass: $2 state,
-- $3 recipient, $4 appointment; $5 and $6 event and recipient to start after (keyset) or null; $7 how many.
-- Uses the primary key of notifications, notifications_failed, notifications_by_recipient or
-- appointment_events_by_appointment.
SELECT event_id, recipient, state, event, appointment_id, doctor_id, attempts, error,
       happened_at, tried_at, retry_at, sent_at
FROM notification_status
WHERE clinic_id = (SELECT clinic_id FROM staff WHERE id = $1)
  AND ($2::text IS NULL OR state = $2)
  AND ($3::text IS NULL OR recipient = $3)
  AND ($4::uuid IS NULL OR appointment_id = $4)
  AND ($5::uuid IS NULL OR (event_id, recipient) < ($5, $6::text))
ORDER BY event_id DESC, recipient DESC
LIMIT $7

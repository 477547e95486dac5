-- Which of these e-mails are to be sent now. $1 event ids, $2 recipients (arrays of the same length), $3 for how many
-- seconds nobody else sends them (lease.sql renews that).
-- An address that nobody has any more gets none, and is not written down: a patient who is just being removed is waited
-- for. An e-mail that was sent, given up or overtaken stays so, one that is put off has its time, and one that another
-- member is sending is that one's: that is what makes a redelivered event harmless. attempts: this one included.
-- Uses the primary keys.
INSERT INTO notifications (event_id, recipient, state, leased_until)
SELECT due.event_id, due.recipient, 'sending', now() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::text[]) AS due (event_id, recipient)
JOIN appointment_events AS event ON event.id = due.event_id
JOIN appointments ON appointments.id = event.appointment_id
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id
WHERE due.recipient IN (patients.email, doctors.email)
FOR KEY SHARE OF patients
ON CONFLICT (event_id, recipient) DO UPDATE SET
    attempts = notifications.attempts + 1, tried_at = now(), leased_until = excluded.leased_until
WHERE notifications.state = 'sending' AND notifications.retry_at IS NULL
  AND coalesce(notifications.leased_until <= now(), true)
RETURNING event_id, recipient, attempts

-- Makes nobody of a patient, whose rows are locked; what they booked and at which price stays. $1 patient, $2 their
-- e-mail address from now on, $3 what stands for a name and for what was written about them, $4 a password hash
-- that nothing matches, $5 the one reason that says nothing of them. No e-mail to them is tried again.
-- Uses appointments_by_patient and appointment_events_by_appointment.
WITH account AS (
    UPDATE accounts SET email = $2, password_hash = $4, sign_up_key = NULL WHERE id = $1
), notification AS (
    UPDATE notifications SET
        recipient = $2, error = NULL, retry_at = NULL,
        state = CASE notifications.state WHEN 'sending' THEN 'failed' ELSE notifications.state END
    FROM appointment_events AS event
    JOIN appointments ON appointments.id = event.appointment_id
    JOIN patients ON patients.id = appointments.patient_id
    WHERE patients.id = $1 AND notifications.event_id = event.id AND notifications.recipient = patients.email
), written AS (
    UPDATE appointment_events AS event SET reason = $3
    FROM appointments
    WHERE appointments.patient_id = $1 AND event.appointment_id = appointments.id AND event.reason <> $5
), session AS (
    DELETE FROM refresh_tokens WHERE account_id = $1
), identity AS (
    DELETE FROM external_identities WHERE account_id = $1
), waiting AS (
    DELETE FROM waiting_list WHERE patient_id = $1
)
UPDATE patients SET name = $3, email = $2, cpf = NULL, removed_at = now() WHERE id = $1

-- Whether an e-mail about an event is not to be sent any more. Its recipient was removed meanwhile, or what it tells is
-- not so any more: of an offer that was answered or is over, of a confirmation or a reminder of an appointment that is
-- not accepted any more, and of a reminder when it has begun. Once it is so, it stays so. $1 event, $2 recipient.
-- Uses the primary keys.
SELECT $2::text NOT IN (patients.email, doctors.email) OR CASE event.state
    WHEN 'offered' THEN appointments.state <> 'offered' OR appointments.offer_expires_at <= now()
    WHEN 'accepted' THEN appointments.state <> 'accepted'
    WHEN 'reminder' THEN appointments.state <> 'accepted' OR lower(appointments.during) <= now()
    ELSE false
END
FROM appointment_events AS event
JOIN appointments ON appointments.id = event.appointment_id
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id
WHERE event.id = $1

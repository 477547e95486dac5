-- Whether an e-mail about an event is not to be sent any more: its recipient was removed meanwhile, or what it tells is
-- not so any more, which is so of an offer that was answered or is over, and of a reminder of an appointment that is not
-- accepted any more or has begun. Once it is so, it stays so. $1 event, $2 recipient. Uses the primary keys.
SELECT $2::text NOT IN (patients.email, doctors.email) OR CASE event.state
    WHEN 'offered' THEN appointments.state <> 'offered' OR appointments.offer_expires_at <= now()
    WHEN 'reminder' THEN appointments.state <> 'accepted' OR lower(appointments.during) <= now()
    ELSE false
END
FROM appointment_events AS event
JOIN appointments ON appointments.id = event.appointment_id
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id
WHERE event.id = $1

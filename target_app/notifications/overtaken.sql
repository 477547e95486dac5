-- Whether what the e-mails about an event tell is not so any more: of an offer that was answered or is over, and of a
-- reminder of an appointment that is not accepted any more or has begun. Once it is so, it stays so. $1 event.
SELECT CASE event.state
    WHEN 'offered' THEN appointments.state <> 'offered' OR appointments.offer_expires_at <= now()
    WHEN 'reminder' THEN appointments.state <> 'accepted' OR lower(appointments.during) <= now()
    ELSE false
END
FROM appointment_events AS event
JOIN appointments ON appointments.id = event.appointment_id
WHERE event.id = $1

-- What happened to an appointment, in order. $1 appointment, $2 who asks; no row when it is not theirs.
-- Uses appointment_events_by_appointment.
SELECT
    event.state, event.at, event.reason,
    CASE
        WHEN event.actor_id = appointments.patient_id THEN 'patient'
        WHEN event.actor_id = appointments.doctor_id THEN 'doctor'
        WHEN EXISTS (SELECT FROM staff WHERE staff.id = event.actor_id) THEN 'staff'
        ELSE 'system'
    END AS by
FROM appointments
JOIN appointment_events AS event ON event.appointment_id = appointments.id
WHERE appointments.id = $1 AND (patient_id = $2 OR acts_for($2, doctor_id))
ORDER BY event.id

-- What the e-mails about these events say. $1 event ids. An offer that names no deadline lasts until its slot starts.
SELECT
    event.id, event.state, event.reason, event.at,
    lower(appointments.during) AS starts_at, lower(previous.during) AS previous_starts_at,
    coalesce(appointments.offer_expires_at, lower(appointments.during)) AS deadline,
    appointments.price_cents, appointments.video_url,
    patients.name AS patient, patients.email AS patient_email, patients.locale AS patient_locale,
    doctors.name AS doctor, doctors.email AS doctor_email, doctors.locale AS doctor_locale
FROM appointment_events AS event
JOIN appointments ON appointments.id = event.appointment_id
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id
LEFT JOIN appointments AS previous ON previous.id = appointments.rescheduled_from
WHERE event.id = ANY ($1::uuid[])

-- What the e-mails about these events say. $1 event ids.
SELECT
    event.id, event.state, event.reason, event.at,
    lower(appointments.during) AS starts_at, appointments.price_cents,
    patients.name AS patient, patients.email AS patient_email, patients.locale AS patient_locale,
    doctors.name AS doctor, doctors.email AS doctor_email, doctors.locale AS doctor_locale
FROM appointment_events AS event
JOIN appointments ON appointments.id = event.appointment_id
JOIN patients ON patients.id = appointments.patient_id
JOIN doctors ON doctors.id = appointments.doctor_id
WHERE event.id = ANY ($1::uuid[])

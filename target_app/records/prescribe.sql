-- $1 doctor, $2 appointment, $3 items (JSON), $4 notes or null, $5 Idempotency-Key.
-- Always one row. id and the other columns: the prescription, replayed: made by an earlier request with this key;
-- same: which asked for the same. appointment_state: null when the doctor has no such appointment;
-- patient_removed: its patient was.
WITH appointment AS (
    SELECT appointments.id, patient_id, doctor_id, state, removed_at IS NOT NULL AS patient_removed
    FROM appointments JOIN patients ON patients.id = patient_id
    WHERE appointments.id = $2 AND doctor_id = $1
), made AS (
    INSERT INTO prescriptions (appointment_id, patient_id, doctor_id, items, notes, idempotency_key)
    SELECT appointment.id, patient_id, doctor_id, $3::jsonb, $4, $5
    FROM appointment JOIN patients ON patients.id = patient_id AND removed_at IS NULL
    WHERE state IN ('accepted', 'completed')
    FOR KEY SHARE OF patients                   -- not while the patient is being removed
    ON CONFLICT (doctor_id, idempotency_key) DO NOTHING
    RETURNING *
), known AS (
    SELECT *, false AS replayed FROM made
    UNION ALL
    SELECT *, true FROM prescriptions WHERE doctor_id = $1 AND idempotency_key = $5
)
SELECT
    known.*, doctors.name AS doctor_name, appointment.state AS appointment_state, appointment.patient_removed,
    known.appointment_id = $2 AND known.items = $3::jsonb AND known.notes IS NOT DISTINCT FROM $4 AS same
FROM (VALUES ($1::uuid)) AS asked (doctor_id)
LEFT JOIN appointment USING (doctor_id)
LEFT JOIN known USING (doctor_id)
LEFT JOIN doctors ON doctors.id = asked.doctor_id

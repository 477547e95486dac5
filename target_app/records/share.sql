-- Lets a doctor read a patient's files until a time. $1 patient, $2 doctor, $3 until when.
-- No row when there is no such doctor; expires_at is null when there is no such patient (any more).
WITH doctor AS (
    SELECT id, name FROM doctors WHERE id = $2
), shared AS (
    INSERT INTO record_shares (patient_id, doctor_id, expires_at) SELECT patients.id, doctor.id, $3
    FROM doctor JOIN patients ON patients.id = $1 AND patients.removed_at IS NULL
    FOR KEY SHARE OF patients                   -- not while the patient is being removed
    ON CONFLICT (patient_id, doctor_id) DO UPDATE SET expires_at = excluded.expires_at, shared_at = now()
    RETURNING doctor_id, expires_at
)
SELECT doctor.id AS doctor_id, doctor.name AS doctor_name, shared.expires_at
FROM doctor LEFT JOIN shared ON shared.doctor_id = doctor.id

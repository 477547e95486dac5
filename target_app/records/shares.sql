-- Whom a patient lets read their files. $1 patient.
SELECT share.doctor_id, doctors.name AS doctor_name, share.expires_at
FROM record_shares AS share JOIN doctors ON doctors.id = share.doctor_id
WHERE share.patient_id = $1 AND share.expires_at > now()
ORDER BY doctors.name, share.doctor_id

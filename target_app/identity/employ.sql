-- Puts a doctor into a clinic, out of any other one. $1 clinic, $2 and $3 CRM number and state. Always one row.
-- clinic_known: there is that clinic; doctor: whom it was done with, null when there is no such clinic or doctor.
WITH clinic AS (
    SELECT id FROM clinics WHERE name = $1
), doctor AS (
    UPDATE doctors SET clinic_id = clinic.id FROM clinic WHERE crm = $2 AND crm_state = $3
    RETURNING doctors.id
)
SELECT EXISTS (SELECT FROM clinic) AS clinic_known, (SELECT id FROM doctor) AS doctor

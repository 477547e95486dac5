-- Prescriptions for the patient or by the doctor who asks, newest first, and the note of it unless it is the patient.
-- $1 who asks, $2 one patient only or null, $3 the id to start before or null, $4 how many.
WITH found AS (
    SELECT prescriptions.*, doctors.name AS doctor_name
    FROM prescriptions JOIN doctors ON doctors.id = prescriptions.doctor_id
    WHERE (prescriptions.patient_id = $1 OR prescriptions.doctor_id = $1)
      AND ($2::uuid IS NULL OR prescriptions.patient_id = $2)
      AND ($3::uuid IS NULL OR prescriptions.id < $3)
    ORDER BY prescriptions.id DESC
    LIMIT $4
), access AS (
    INSERT INTO record_accesses (patient_id, reader_id, action)
    SELECT DISTINCT patient_id, $1::uuid, 'prescriptions' FROM found WHERE patient_id <> $1
)
SELECT * FROM found ORDER BY id DESC

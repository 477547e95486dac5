-- Leave a doctor's waiting list, also when not in it. $1 patient, $2 doctor, $3 Idempotency-Key.
-- Answers a row, or none when the key is used already. Raises a foreign key violation for an unknown doctor or patient.
WITH change AS (
    INSERT INTO waiting_list_changes (patient_id, doctor_id, idempotency_key) VALUES ($1, $2, $3)
    ON CONFLICT (patient_id, idempotency_key) DO NOTHING
    RETURNING doctor_id, patient_id
), gone AS (
    DELETE FROM waiting_list USING change
    WHERE waiting_list.doctor_id = change.doctor_id AND waiting_list.patient_id = change.patient_id
)
SELECT doctor_id FROM change

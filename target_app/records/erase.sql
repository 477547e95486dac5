-- What else a patient's erasure takes. $1 patient. Accesses name nobody and stay.
WITH shares AS (
    DELETE FROM record_shares WHERE patient_id = $1
)
UPDATE prescriptions SET items = '[]', notes = NULL WHERE patient_id = $1

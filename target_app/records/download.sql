-- One file for whoever may have its bytes, and the note of it, also of the patient's own downloads.
-- $1 reader, $2 record. No row when there is none, or the reader may not; noted only once it can be downloaded.
WITH found AS (
    SELECT * FROM records WHERE id = $2 AND state <> 'deleted' AND may_read_records($1, patient_id)
), access AS (
    INSERT INTO record_accesses (patient_id, reader_id, action, record_id)
    SELECT patient_id, $1, 'downloaded', id FROM found WHERE state = 'stored'
)
SELECT * FROM found

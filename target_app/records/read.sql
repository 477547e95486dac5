-- One file, and the note of who asked, unless it is the patient, or its uploader who waits for the check.
-- $1 reader, $2 record.
-- No row when there is none, or the reader may not.
WITH found AS (
    SELECT * FROM records WHERE id = $2 AND state <> 'deleted' AND may_read_records($1, patient_id)
), access AS (
    INSERT INTO record_accesses (patient_id, reader_id, action, record_id)
    SELECT patient_id, $1, 'read', id FROM found WHERE patient_id <> $1 AND (uploaded_by <> $1 OR state = 'stored')
)
SELECT * FROM found

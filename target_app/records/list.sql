-- A patient's files, newest first, and the note of who asked, unless it is the patient: at most one an hour for each.
-- $1 reader, $2 patient, $3 the id to start before (keyset) or null, $4 how many.
-- No row when the reader may not; one row without an id when there is nothing to list. Uses records_by_patient.
WITH permitted AS MATERIALIZED (
    SELECT id AS patient_id FROM patients WHERE id = $2 AND may_read_records($1, $2)
), access AS (
    INSERT INTO record_accesses (patient_id, reader_id, action)
    SELECT patient_id, $1, 'listed' FROM permitted
    WHERE patient_id <> $1 AND NOT EXISTS (
        SELECT FROM record_accesses               -- uses record_accesses_by_patient, as the subquery is one value
        WHERE patient_id = $2 AND reader_id = $1 AND action = 'listed' AND id > (SELECT uuidv7(interval '-1 hour'))
    )
)
SELECT records.*
FROM permitted
LEFT JOIN records
    ON records.patient_id = permitted.patient_id AND state <> 'deleted' AND ($3::uuid IS NULL OR records.id < $3)
ORDER BY records.id DESC
LIMIT $4

-- A patient's files, newest first, and the note of who asked, unless it is the patient: once an hour for each, and again
-- as soon as they hold one that is newer than the last look.
-- $1 reader, $2 patient, $3 the id to start before (keyset) or null, $4 how many.
-- No row when the reader may not; one row without an id when there is nothing to list. Uses records_by_patient.
WITH permitted AS MATERIALIZED (
    SELECT id AS patient_id FROM patients WHERE id = $2 AND may_read_records($1, $2)
), page AS MATERIALIZED (
    SELECT * FROM records
    WHERE patient_id = (SELECT patient_id FROM permitted) AND state <> 'deleted' AND ($3::uuid IS NULL OR id < $3)
    ORDER BY id DESC
    LIMIT $4
), access AS (
    INSERT INTO record_accesses (patient_id, reader_id, action)
    SELECT patient_id, $1, 'listed' FROM permitted
    WHERE patient_id <> $1 AND NOT EXISTS (
        SELECT FROM record_accesses               -- uses record_accesses_by_patient, as the subquery is one value
        WHERE patient_id = $2 AND reader_id = $1 AND action = 'listed'
          AND id > (
              SELECT greatest(uuidv7(interval '-1 hour'), (SELECT page.id FROM page ORDER BY page.id DESC LIMIT 1))
          )
    )
)
SELECT page.* FROM permitted LEFT JOIN page ON true ORDER BY page.id DESC

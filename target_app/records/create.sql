-- Announces a file. $1 uploader, $2 patient, $3 name, $4 kind, $5 content type, $6 size in bytes, $7 SHA-256,
-- $8 Idempotency-Key. Answers the record, replayed: made by an earlier request with this key; or no row when the
-- uploader may not (or another request with this key is being answered at this moment).
-- What is uploaded goes after a day, whatever becomes of it: until then its URL might be used again.
WITH made AS (
    INSERT INTO records (patient_id, uploaded_by, name, kind, content_type, size_bytes, sha256, idempotency_key)
    SELECT patients.id, $1, $3, $4, $5, $6, $7, $8
    FROM patients
    WHERE patients.id = $2 AND removed_at IS NULL AND may_read_records($1, $2)
    FOR KEY SHARE OF patients                   -- not while the patient is being removed
    ON CONFLICT (uploaded_by, idempotency_key) DO NOTHING
    RETURNING *
), removal AS (
    INSERT INTO object_removals (object_key, due_at) SELECT upload_key, now() + interval '1 day' FROM made
)
SELECT *, false AS replayed FROM made
UNION ALL
SELECT *, true FROM records WHERE uploaded_by = $1 AND idempotency_key = $8

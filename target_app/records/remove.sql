-- Removes one of a patient's files, or all of them when $2 is null: nothing remains but that there was one.
-- $1 patient, $2 record. Their objects go in the same transaction's name, by a worker; those of a file that a worker is
-- just checking go when it must have ended. known: there is such a file, or was.
WITH gone AS (
    UPDATE records SET state = 'deleted', name = '', sha256 = NULL, rejected_because = NULL, has_preview = false
    WHERE patient_id = $1 AND ($2::uuid IS NULL OR id = $2) AND state <> 'deleted'
    RETURNING upload_key, object_key, preview_key, claimed_until
), removal AS (
    INSERT INTO object_removals (object_key, due_at)
    SELECT object.key, greatest(now(), claimed_until)
    FROM gone, unnest(ARRAY[upload_key, object_key, preview_key]) AS object (key)
)
SELECT EXISTS (SELECT FROM records WHERE id = $2 AND patient_id = $1) AS known

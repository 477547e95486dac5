-- What the check found. $1 record, $2 the attempt that found it, $3 why it is rejected or null, $4 whether there is a
-- preview. Changes nothing when another worker has taken over, or the file is deleted. The upload is not needed any
-- more, nor is anything else of a rejected file.
WITH concluded AS (
    UPDATE records SET
        state = CASE WHEN $3::text IS NULL THEN 'stored' ELSE 'rejected' END,
        rejected_because = $3, has_preview = $4, claimed_until = NULL
    WHERE id = $1 AND attempts = $2 AND state = 'checking'
    RETURNING *
)
INSERT INTO object_removals (object_key, due_at)
SELECT object.key, now()
FROM concluded, unnest(
    CASE state WHEN 'stored' THEN ARRAY[upload_key] ELSE ARRAY[upload_key, object_key, preview_key] END
) AS object (key)

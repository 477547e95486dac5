-- Hands an upload to the workers. $1 record, $2 uploader, $3 Idempotency-Key. No row when it is not awaited any more.
UPDATE records SET state = 'checking', uploaded_key = $3
WHERE id = $1 AND uploaded_by = $2 AND state = 'awaiting'
RETURNING *

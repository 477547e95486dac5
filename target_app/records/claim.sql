-- Takes one upload to check, so that no other worker does. $1 for how long, in seconds. Uses records_to_check.
UPDATE records SET claimed_until = now() + make_interval(secs => $1), attempts = attempts + 1
WHERE id = (
    SELECT id FROM records
    WHERE state = 'checking' AND (claimed_until IS NULL OR claimed_until < now())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, content_type, size_bytes, sha256, upload_key, object_key, preview_key, attempts, created_at

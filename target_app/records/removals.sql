-- Takes objects that must go off the list; run it in a transaction that ends when they are gone. $1 how many.
-- An upload that still waits for its check stays. Uses object_removals_due.
DELETE FROM object_removals WHERE id IN (
    SELECT id FROM object_removals
    WHERE due_at <= now() AND NOT EXISTS (
        SELECT FROM records WHERE state = 'checking' AND upload_key = object_removals.object_key
    )
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING object_key

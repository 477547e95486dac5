-- What the edit or removal of a slot with this key did. $1 who changed it, $2 Idempotency-Key.
SELECT
    fingerprint,
    slot_id AS id,
    lower(during) AS starts_at,
    minutes_of(during) AS minutes
FROM slot_changes
WHERE actor_id = $1 AND idempotency_key = $2

-- What the publication with this key made, in order of time. $1 who published, $2 Idempotency-Key.
SELECT
    fingerprint,
    made.id,
    lower(made.during) AS starts_at,
    minutes_of(made.during) AS minutes
FROM publications, unnest(publications.slot_ids, publications.during) AS made (id, during)
WHERE actor_id = $1 AND idempotency_key = $2
ORDER BY made.during

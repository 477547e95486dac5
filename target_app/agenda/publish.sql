-- $1 doctor, $2 starts, $3 ends (arrays of the same length), $4 Idempotency-Key.
INSERT INTO slots (doctor_id, during, publish_key)
SELECT $1, tstzrange(starts_at, ends_at), $4
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS asked (starts_at, ends_at)
ORDER BY starts_at
RETURNING id, lower(during) AS starts_at, (extract(epoch FROM upper(during) - lower(during)) / 60)::int AS minutes

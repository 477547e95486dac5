-- What the publication with this key made. $1 doctor, $2 Idempotency-Key. Uses slots_by_doctor.
SELECT id, lower(during) AS starts_at, (extract(epoch FROM upper(during) - lower(during)) / 60)::int AS minutes
FROM slots
WHERE doctor_id = $1 AND publish_key = $2
ORDER BY lower(during)

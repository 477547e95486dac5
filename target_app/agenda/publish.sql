-- $1 who publishes, $2 doctor, $3 Idempotency-Key, $4 fingerprint of the request, $5 starts, $6 ends (arrays of the
-- same length), $7 how many slots the doctor may have to come. Answers the new slots in order of time; no row when $1 may
-- not act for $2 or has used the key before, or the agenda would be too full.
WITH asked AS MATERIALIZED (
    SELECT uuidv7() AS id, tstzrange(starts_at, ends_at) AS during
    FROM unnest($5::timestamptz[], $6::timestamptz[]) AS asked (starts_at, ends_at)
), agenda AS MATERIALIZED (                  -- two changes of one agenda at once could wait for each other's slots
    SELECT id AS doctor_id FROM doctors WHERE id = $2 AND acts_for($1, id) FOR NO KEY UPDATE
), publication AS (
    INSERT INTO publications (actor_id, idempotency_key, fingerprint, slot_ids, during)
    SELECT $1, $3, $4, array_agg(id ORDER BY during), array_agg(during ORDER BY during)
    FROM agenda CROSS JOIN asked
    HAVING count(*) > 0 AND count(*) + (SELECT slots_to_come(doctor_id) FROM agenda) <= $7
    ON CONFLICT DO NOTHING
    RETURNING idempotency_key
)
INSERT INTO slots (id, doctor_id, during)
SELECT asked.id, $2, asked.during
FROM asked CROSS JOIN publication
ORDER BY asked.during
RETURNING id, lower(during) AS starts_at, minutes_of(during) AS minutes

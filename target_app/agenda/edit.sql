-- $1 who edits, $2 slot, $3 new start or null, $4 new length in minutes or null; null keeps what is,
-- $5 Idempotency-Key, $6 fingerprint of the request.
-- Answers the slot; no row when $1 may not act for its doctor, or it has begun. Raises a unique violation of
-- one_slot_change_per_key when the key is used already, and nothing changes.
WITH agenda AS MATERIALIZED (                -- two changes of one agenda at once could wait for each other's slots
    SELECT id AS doctor_id
    FROM doctors
    WHERE id = (SELECT doctor_id FROM slots WHERE id = $2) AND acts_for($1, id)
    FOR NO KEY UPDATE
), edited AS (
    UPDATE slots
    SET during = tstzrange(
        coalesce($3::timestamptz, lower(during)),
        coalesce($3::timestamptz, lower(during)) + coalesce($4 * interval '1 minute', upper(during) - lower(during))
    )
    FROM agenda
    WHERE slots.id = $2 AND slots.doctor_id = agenda.doctor_id AND lower(during) > now()
    RETURNING slots.id, slots.doctor_id, during
), change AS (
    INSERT INTO slot_changes (actor_id, idempotency_key, fingerprint, slot_id, during)
    SELECT $1, $5, $6, id, during FROM edited
)
SELECT
    id, doctor_id, lower(during) AS starts_at,
    minutes_of(during) AS minutes
FROM edited

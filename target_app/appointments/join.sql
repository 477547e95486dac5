-- Join a doctor's waiting list. $1 patient, $2 doctor, $3 Idempotency-Key. Who waits already keeps their place.
-- Answers the position, or no row when the key is used already or the patient is unknown. Raises a foreign key violation
-- for an unknown doctor. Run it while holding the list (waiting.py), or two who join at once are told the same position.
WITH place AS (
    SELECT (
        SELECT count(*) FROM waiting_list AS ahead
        WHERE ahead.doctor_id = $2
          AND (ahead.joined_at, ahead.patient_id) < (coalesce(mine.joined_at, 'infinity'), $1::uuid)
    ) + 1 AS position
    FROM (VALUES (true)) AS always (there)
    LEFT JOIN waiting_list AS mine ON mine.doctor_id = $2 AND mine.patient_id = $1
), change AS (
    INSERT INTO waiting_list_changes (patient_id, doctor_id, idempotency_key, position)
    SELECT patients.id, $2, $3, position
    FROM place JOIN patients ON patients.id = $1 AND patients.removed_at IS NULL
    FOR KEY SHARE OF patients                   -- not while the patient is being removed
    ON CONFLICT (patient_id, idempotency_key) DO NOTHING
    RETURNING position
), joined AS (
    INSERT INTO waiting_list (patient_id, doctor_id) SELECT $1, $2 FROM change
    ON CONFLICT (doctor_id, patient_id) DO NOTHING
)
SELECT position FROM change

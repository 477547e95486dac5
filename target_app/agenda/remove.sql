-- $1 who removes, $2 slot, $3 Idempotency-Key, $4 fingerprint of the request. Answers its doctor; no row when there is no
-- such slot of a doctor whom $1 may act for. Raises a unique violation of one_slot_change_per_key when the key is used
-- already, and nothing changes.
WITH removed AS (
    DELETE FROM slots
    WHERE id = $2 AND acts_for($1, doctor_id)
    RETURNING id, doctor_id
), change AS (
    INSERT INTO slot_changes (actor_id, idempotency_key, fingerprint, slot_id)
    SELECT $1, $3, $4, id FROM removed
)
SELECT doctor_id FROM removed

-- End everything to come of a patient: live appointments and offers, and their places in waiting lists.
-- $1 patient, $2 reason, $3 how long an offer of a freed slot stands, in seconds.
-- The keys are random, as they are in the same space as the patient's own Idempotency-Keys.
-- Answers each slot and to whom it is now offered. What has begun already stays, for the accounting.
WITH ended AS (
    UPDATE appointments SET
        state = CASE WHEN state = 'offered' THEN 'expired' ELSE 'cancelled' END,
        video_url = NULL
    WHERE patient_id = $1 AND state IN ('offered', 'requested', 'accepted') AND lower(during) > now()
    RETURNING *
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, reason, idempotency_key)
    SELECT id, state, $1, $2, format('all:%s:%s', id, gen_random_uuid()) FROM ended
), gone AS (
    DELETE FROM waiting_list WHERE patient_id = $1
)
SELECT doctor_id, slot_id, offer_to_next(slot_id, patient_id, $3) AS offered_to FROM ended

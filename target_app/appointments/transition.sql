-- One change of an appointment's state, one statement, one round trip. $1 appointment, $2 who changes it,
-- $3 states that it may come from, $4 state that it gets, $5 whether its patient may, $6 whether its doctor and the
-- clinic's staff may, $7 whether only after its start, $8 reason or null, $9 video link or null, $10 Idempotency-Key,
-- $11 how long an offer of the freed slot stands, in seconds, $12 whether only before its start.
-- Answers the appointment and to whom its slot is now offered, or no row when it may not be: unchanged.sql then says
-- why. Raises a unique violation of one_change_per_key or one_appointment_per_key when the key is used already, and an
-- exclusion violation of patients_are_in_one_place when an offer is accepted by somebody who is elsewhere.
WITH changed AS (
    UPDATE appointments SET
        state = $4,
        video_url = CASE WHEN $4 IN ('declined', 'cancelled') THEN NULL ELSE coalesce($9, video_url) END,
        -- What comes from an offer belongs, like any booking, to the key that asked for it.
        idempotency_key = CASE WHEN state = 'offered' AND $4 = 'requested' THEN $10 ELSE idempotency_key END
    WHERE id = $1 AND state = ANY ($3)
      AND (($5 AND patient_id = $2) OR ($6 AND acts_for($2, doctor_id)))
      AND (NOT $7 OR lower(during) <= now())
      AND (NOT $12 OR lower(during) > now())
      AND (state <> 'offered' OR offer_expires_at > now())
      AND NOT EXISTS (
          SELECT FROM appointments AS made WHERE made.patient_id = $2 AND made.idempotency_key = $10
      )
    RETURNING *
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, reason, idempotency_key, video_url)
    SELECT id, state, $2, $8, $10, video_url FROM changed
)
SELECT
    id, slot_id, doctor_id, patient_id, during, price_cents, state, video_url, rescheduled_from, offer_expires_at,
    held_slot_id IS NULL AS freed,
    CASE WHEN held_slot_id IS NULL THEN offer_to_next(slot_id, patient_id, $11) END AS offered_to
FROM changed

-- End what nobody answered in time, up to $1 offers and as many requests whose time has come, and offer the slots that
-- have not begun to the next in line for $2 seconds. Answers each slot and to whom it is now offered. Uses
-- offers_to_expire and requests_to_lapse; what somebody is just changing or another worker is ending is left to them.
WITH offers AS (
    SELECT id FROM appointments
    WHERE state = 'offered' AND offer_expires_at <= now()
    ORDER BY offer_expires_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), requests AS (
    SELECT id FROM appointments
    WHERE state = 'requested' AND lower(during) <= now()
    ORDER BY lower(during)
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE appointments SET state = 'expired'
    FROM (SELECT id FROM offers UNION ALL SELECT id FROM requests) AS due
    WHERE appointments.id = due.id
    RETURNING appointments.*
), event AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)
    SELECT id, state, system_actor(), format('expiry:%s', id) FROM expired
)
SELECT doctor_id, slot_id, offer_to_next(slot_id, patient_id, $2) AS offered_to FROM expired

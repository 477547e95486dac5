-- Why transition.sql or reschedule.sql changed nothing. $1 appointment, $2 who asked, $3 Idempotency-Key.
-- Answers the appointment, or no row when it is not theirs. begun: it has. lapsed: the offer's time is over.
-- used_for, used_state, used_reason: what this key has done already, if anything: the appointment, the state that it
-- brought (one_change_per_key; 'requested' is an accepted offer, 'booked' any other booking) and with which reason.
-- used_video_url: the link that the appointment had then.
SELECT
    one.id, one.slot_id, one.doctor_id, one.patient_id, one.during, one.price_cents, one.state, one.video_url,
    one.rescheduled_from, one.offer_expires_at,
    lower(one.during) <= now() AS begun,
    coalesce(one.offer_expires_at <= now(), false) AS lapsed,
    used.appointment_id AS used_for, used.state AS used_state, used.reason AS used_reason,
    used.video_url AS used_video_url
FROM appointments AS one
LEFT JOIN LATERAL (
    SELECT event.appointment_id, event.state, event.reason, event.video_url
    FROM appointment_events AS event
    WHERE event.actor_id = $2 AND event.idempotency_key = $3
      AND event.state NOT IN ('requested', 'offered', 'moved', 'reminder')
    UNION ALL
    SELECT made.id, CASE WHEN made.offer_expires_at IS NULL THEN 'booked' ELSE 'requested' END, NULL, NULL
    FROM appointments AS made
    WHERE made.patient_id = $2 AND made.idempotency_key = $3
    LIMIT 1
) AS used ON true
WHERE one.id = $1 AND (one.patient_id = $2 OR acts_for($2, one.doctor_id))

-- Puts up to $3 events that the stream has lost into the outbox again, as if they had never been relayed. Answers how
-- many. $1 when the oldest entry was added that the stream still has, in seconds since the epoch, null when it has
-- none; $2 how many seconds before that an event must have been relayed.
-- Entries are worked on in their order and go when they are done, so whatever is older than the oldest is done or lost,
-- however long the queue is. It is lost when somebody is to be told of it and no e-mail was begun, or whoever had begun
-- one has died. After a week nobody wants to know any more. Uses appointment_events_relayed and the primary keys.
WITH lost AS (
    SELECT event.id
    FROM appointment_events AS event
    JOIN appointments ON appointments.id = event.appointment_id
    JOIN patients ON patients.id = appointments.patient_id
    WHERE event.relayed_at > now() - interval '7 days'
      AND event.relayed_at <= least(now(), to_timestamp($1)) - make_interval(secs => $2)
      AND (event.state IN ('requested', 'accepted', 'declined', 'cancelled', 'rescheduled')
           OR (event.state IN ('offered', 'reminder') AND patients.removed_at IS NULL))
      AND coalesce((
          SELECT bool_or(state = 'sending' AND retry_at IS NULL AND coalesce(leased_until <= now(), true))
          FROM notifications WHERE event_id = event.id
      ), true)
    ORDER BY event.relayed_at LIMIT $3
    FOR UPDATE OF event SKIP LOCKED
), queued AS (
    UPDATE appointment_events SET relayed_at = NULL, requeued_at = now()
    WHERE id IN (SELECT id FROM lost)
)
SELECT count(*) FROM lost

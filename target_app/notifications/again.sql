-- Puts the events of up to $1 e-mails that were put off into the outbox again, as their time has come. Answers how many.
-- Uses notifications_put_off.
WITH due AS (
    SELECT event_id, recipient FROM notifications
    WHERE retry_at <= now() ORDER BY retry_at LIMIT $1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE notifications SET retry_at = NULL FROM due
    WHERE notifications.event_id = due.event_id AND notifications.recipient = due.recipient
), queued AS (
    UPDATE appointment_events SET relayed_at = NULL, requeued_at = now()
    WHERE id IN (SELECT event_id FROM due)
)
SELECT count(*) FROM due

-- What became of e-mails. $1 event ids, $2 recipients, $3 states that they get: 'sent', 'failed', 'overtaken', or
-- 'sending' for those that are put off, $4 errors, null for those that have none, $5 after how many seconds to try again
-- those that are put off, null for the others (arrays of the same length).
UPDATE notifications SET
    state = outcome.state,
    error = outcome.error,
    leased_until = NULL,
    tried_at = CASE WHEN outcome.state = 'overtaken' THEN now() ELSE tried_at END,
    sent_at = CASE WHEN outcome.state = 'sent' THEN now() END,
    retry_at = now() + make_interval(secs => outcome.again_s)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::float8[])
    AS outcome (event_id, recipient, state, error, again_s)
WHERE notifications.event_id = outcome.event_id AND notifications.recipient = outcome.recipient

-- Which of these e-mails are still to be sent. $1 event ids, $2 recipients (arrays of the same length).
-- An e-mail that was sent stays so: that is what makes a redelivered event harmless.
INSERT INTO notifications (event_id, recipient, state)
SELECT * FROM unnest($1::uuid[], $2::text[]), (VALUES ('sending')) AS state
ON CONFLICT (event_id, recipient) DO UPDATE SET attempts = notifications.attempts + 1
WHERE notifications.state = 'sending'
RETURNING event_id, recipient

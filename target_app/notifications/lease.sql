-- Goes on sending these e-mails. $1 event ids, $2 recipients (arrays of the same length), $3 for how many seconds more.
UPDATE notifications SET leased_until = now() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::text[]) AS mine (event_id, recipient)
WHERE notifications.event_id = mine.event_id AND notifications.recipient = mine.recipient
  AND notifications.leased_until IS NOT NULL

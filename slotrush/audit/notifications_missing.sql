INSERT INTO checked SELECT 'notifications_missing', count(*) FROM due;

INSERT INTO findings
SELECT 'notifications_missing',
       printf('event %s (appointment %s %s): no e-mail reached %s%s', event, appointment, state, recipient,
              iif(due.overtaken_us IS NULL, '', ': it was dropped as overtaken, which it was not'))
FROM due JOIN stored_transitions USING (event)
WHERE NOT EXISTS (SELECT 1 FROM heard WHERE heard.event = due.event AND heard.recipient = due.recipient)
  AND (event, recipient) NOT IN (SELECT event, recipient FROM overtaken)
ORDER BY event, recipient;

-- Its doctor, at least, hears of each of these.
INSERT INTO findings
SELECT 'notifications_missing',
       printf('event %s (appointment %s %s) names nobody who must hear of it', event, appointment, state)
FROM stored_transitions
WHERE json_array_length(recipients) = 0
  AND state IN ('requested', 'accepted', 'declined', 'cancelled', 'rescheduled')
ORDER BY event;

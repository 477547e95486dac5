INSERT INTO checked SELECT 'notifications_doubled', count(*) FROM stored_mails;

-- Who was made anonymous since may have heard of an event at an address that nobody knows any more.
INSERT INTO findings
SELECT 'notifications_doubled',
       CASE WHEN due.event IS NULL
       THEN printf('event %s: %d e-mail(s) reached %s, who should get none', heard.event, copies, heard.recipient)
       ELSE printf('event %s: %d e-mails reached %s', heard.event, copies, heard.recipient) END
FROM heard
LEFT JOIN due ON due.event = heard.event AND due.recipient = heard.recipient
LEFT JOIN stored_transitions AS stored ON stored.event = heard.event
WHERE copies > 1
   OR (due.event IS NULL
       AND (stored.forgotten IS NOT 1
            OR (SELECT count(*) FROM heard AS another
                WHERE another.event = heard.event
                  AND (another.event, another.recipient) NOT IN (SELECT event, recipient FROM due)) > 1))
ORDER BY heard.event, heard.recipient;

INSERT INTO findings
SELECT 'notifications_doubled',
       printf('appointment %s was %s by %d events: %s', appointment, state, count(*), group_concat(event, ' and '))
FROM (SELECT * FROM entered ORDER BY appointment, state, event)
GROUP BY appointment, state HAVING count(*) > 1
ORDER BY appointment, state;

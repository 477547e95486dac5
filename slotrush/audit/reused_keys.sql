INSERT INTO checked
SELECT 'reused_keys', count(*)
FROM (SELECT key FROM ledger WHERE action IN ('request', 'reschedule') UNION SELECT key FROM stored_keys);

INSERT INTO findings
SELECT 'reused_keys', printf('key %s made %d appointments: %s', key, count(*), group_concat(appointment, ' and '))
FROM (SELECT key, appointment FROM stored_keys
      UNION SELECT key, appointment FROM booked WHERE appointment IS NOT NULL)
GROUP BY key HAVING count(*) > 1
ORDER BY key;

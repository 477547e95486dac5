INSERT INTO checked
SELECT 'broken_histories', (SELECT count(*) FROM stored_appointments) + (SELECT count(*) FROM entered);

-- Which event may come in which state; '' is before the first.
CREATE TEMP TABLE allowed (before TEXT, event TEXT, PRIMARY KEY (before, event)) WITHOUT ROWID;
INSERT INTO allowed VALUES
    ('', 'requested'), ('', 'rescheduled'), ('', 'offered'),
    ('offered', 'requested'), ('offered', 'expired'),
    ('requested', 'accepted'), ('requested', 'declined'), ('requested', 'cancelled'), ('requested', 'moved'),
    ('requested', 'expired'),    -- by the system, when nobody answered in time
    ('accepted', 'completed'), ('accepted', 'no_show'), ('accepted', 'cancelled'), ('accepted', 'moved'),
    ('accepted', 'reminder');

CREATE TEMP TABLE histories AS
SELECT *, lag(after, 1, '') OVER (PARTITION BY appointment ORDER BY step) AS before
FROM (SELECT *, CASE state WHEN 'rescheduled' THEN 'requested' WHEN 'moved' THEN 'cancelled'
                           WHEN 'reminder' THEN 'accepted' ELSE state END AS after
      FROM entered);

CREATE TEMP TABLE rescheduled AS SELECT * FROM stored_appointments WHERE rescheduled_from IS NOT NULL;
CREATE INDEX temp.rescheduled_by_origin ON rescheduled (rescheduled_from);

INSERT INTO findings
SELECT 'broken_histories',
       printf('appointment %s was %s by %s (event %s, key %s) %s', appointment, state, actor, event, key,
              iif(before = '', 'as its first event', printf('when it was %s', before)))
FROM histories
WHERE (before, state) NOT IN (SELECT before, event FROM allowed)
   OR ((before, state) = ('requested', 'expired')
       AND actor = (SELECT patient FROM stored_appointments WHERE id = appointment))
ORDER BY appointment, step;

INSERT INTO findings
WITH ends AS (SELECT appointment, after, max(step) FROM histories GROUP BY appointment)  -- `after` is of that step
SELECT 'broken_histories',
       printf('appointment %s is %s, but its history %s', id, state,
              iif(after IS NULL, 'is empty', printf('ends with %s', after)))
FROM stored_appointments LEFT JOIN ends ON appointment = id
WHERE after IS NOT state
ORDER BY id;

-- A reschedule is all or nothing: the old appointment goes by the same key that makes the new one, on the same terms.
INSERT INTO findings
SELECT 'broken_histories',
       printf('appointment %s was moved (event %s, key %s), but no other came in its place', appointment, event, key)
FROM entered
WHERE state = 'moved' AND NOT EXISTS (SELECT 1 FROM rescheduled
                                      WHERE rescheduled_from = entered.appointment AND rescheduled.key = entered.key)
ORDER BY appointment;

INSERT INTO findings
SELECT 'broken_histories',
       printf('appointment %s (patient %s, doctor %s, %d cents, key %s) came in place of %s, which %s',
              new.id, new.patient, new.doctor, new.price_cents, new.key, new.rescheduled_from,
    CASE WHEN old.id IS NULL THEN 'is not stored'
         WHEN (old.patient, old.doctor, old.price_cents) = (new.patient, new.doctor, new.price_cents)
         THEN 'was not moved by that key'
         ELSE printf('was of patient %s, doctor %s, for %d cents', old.patient, old.doctor, old.price_cents) END)
FROM rescheduled AS new LEFT JOIN stored_appointments AS old ON old.id = new.rescheduled_from
WHERE old.id IS NULL
   OR (old.patient, old.doctor, old.price_cents) <> (new.patient, new.doctor, new.price_cents)
   OR NOT EXISTS (SELECT 1 FROM entered
                  WHERE entered.appointment = old.id AND entered.state = 'moved' AND entered.key = new.key)
ORDER BY new.id;

INSERT INTO findings
SELECT 'broken_histories',
       printf('appointment %s began as %s, but %s', id, entered.state,
              coalesce('came in place of ' || rescheduled_from, 'came in place of none'))
FROM entered JOIN stored_appointments ON id = appointment
WHERE step = 1 AND (entered.state = 'rescheduled') <> (rescheduled_from IS NOT NULL)
ORDER BY id;

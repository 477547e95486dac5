-- An acknowledged reschedule is two cases: the new appointment, and what became of the old one.
INSERT INTO checked
SELECT 'lost_acknowledged',
       (SELECT count(*) FROM booked) + (SELECT count(*) FROM changed WHERE told) + (SELECT count(*) FROM published)
       + (SELECT count(*) FROM removed WHERE told)
       + (SELECT count(DISTINCT key) FROM ledger WHERE outcome = 'acknowledged' AND action = 'edit_slot');

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to patient %s as appointment %s on slot %s, is not stored%s',
              action, key, actor, coalesce(appointment, '(unnamed)'), slot,
              coalesce((SELECT printf(' (its key is stored with appointment %s)', other.appointment)
                        FROM stored_keys AS other WHERE other.key = booked.key LIMIT 1), ''))
FROM booked
WHERE NOT EXISTS (SELECT 1 FROM stored_appointments WHERE id = booked.appointment)
ORDER BY key;

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to patient %s as appointment %s, is stored with another %s',
              action, booked.key, actor, stored.id, substr(
    CASE WHEN stored.patient <> actor THEN printf(', patient: %s', stored.patient) ELSE '' END ||
    CASE WHEN stored.slot <> booked.slot THEN printf(', slot: %s, told %s', stored.slot, booked.slot) ELSE '' END ||
    CASE WHEN stored.doctor <> coalesce(booked.doctor, stored.doctor)
         THEN printf(', doctor: %s, told %s', stored.doctor, booked.doctor) ELSE '' END ||
    CASE WHEN stored.price_cents <> coalesce(booked.price_cents, stored.price_cents)
         THEN printf(', price: %d cents, told %d', stored.price_cents, booked.price_cents) ELSE '' END ||
    CASE WHEN stored.key <> booked.key THEN printf(', key: %s', stored.key) ELSE '' END, 3))
FROM booked JOIN stored_appointments AS stored ON stored.id = booked.appointment
WHERE (stored.patient, stored.slot, stored.doctor, stored.price_cents, stored.key)
      <> (actor, booked.slot, coalesce(booked.doctor, stored.doctor),
          coalesce(booked.price_cents, stored.price_cents), booked.key)
ORDER BY booked.key;

-- What was booked may come to an end only because somebody asked for it, or nobody answered it in time.
INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to patient %s as appointment %s, is stored as %s, and nobody asked for that',
              action, booked.key, actor, stored.id, stored.state)
FROM booked JOIN stored_appointments AS stored ON stored.id = booked.appointment
WHERE stored.state IN ('cancelled', 'declined', 'expired')
  AND NOT EXISTS (SELECT 1 FROM changed
                  WHERE changed.appointment = stored.id
                    AND changed.event IN (stored.state, iif(stored.state = 'cancelled', 'moved', stored.state)))
  AND NOT EXISTS (SELECT 1 FROM entered
                  WHERE entered.appointment = stored.id AND entered.state = 'expired'
                    AND entered.actor <> stored.patient)
ORDER BY booked.key;

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to %s, does not show: appointment %s %s', action, key, actor, appointment,
              coalesce((SELECT printf('is stored as %s and was never %s by that actor and key', state, event)
                        FROM stored_appointments WHERE id = appointment), 'is not stored'))
FROM changed
WHERE told AND NOT EXISTS (SELECT 1 FROM entered
                           WHERE entered.appointment = changed.appointment AND entered.state = changed.event
                             AND entered.key = changed.key AND entered.actor = changed.actor)
ORDER BY key;

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to %s with doctor %s and %d cents, concerns appointment %s with doctor %s and %d cents',
              action, changed.key, actor, coalesce(changed.doctor, stored.doctor),
              coalesce(changed.price_cents, stored.price_cents), stored.id, stored.doctor, stored.price_cents)
FROM changed JOIN stored_appointments AS stored ON stored.id = appointment
WHERE told AND action <> 'reschedule'
  AND (stored.doctor, stored.price_cents)
      <> (coalesce(changed.doctor, stored.doctor), coalesce(changed.price_cents, stored.price_cents))
ORDER BY changed.key;

-- A slot carries no key of its publication, so publications are held against the slots by doctor and number.
INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('doctor %s was told of %d published slots (%s)%s, but %d are stored', doctor, created, keys,
              iif(gone, printf(' of which %d were removed', gone), ''), stored)
FROM (SELECT doctor, sum(created) AS created, group_concat('key ' || key, ', ') AS keys,
             (SELECT count(*) FROM removed WHERE removed.doctor = published.doctor) AS gone,
             coalesce((SELECT slots FROM agendas WHERE agendas.doctor = published.doctor), 0) AS stored
      FROM published GROUP BY doctor)
WHERE created - gone > stored AND doctor NOT IN (SELECT actor FROM lost)
ORDER BY doctor;

INSERT INTO findings
SELECT 'lost_acknowledged', printf('the removal of slot %s (key %s) was acknowledged, but it is stored', slot, key)
FROM removed WHERE told AND EXISTS (SELECT 1 FROM stored_slots WHERE id = slot)
ORDER BY slot;

-- Of several edits the last one shows, and of two at once either; one whose outcome nobody knows may be the last.
INSERT INTO findings
WITH edits AS (
    SELECT key, subject AS slot, min(sent_us) AS sent_us, min(answered_us) AS answered_us,
           max(starts_us) AS starts_us, max(ends_us) AS ends_us, max(outcome = 'acknowledged') AS told
    FROM ledger WHERE outcome <> 'refused' AND action = 'edit_slot' GROUP BY 1, 2
)
SELECT 'lost_acknowledged',
       printf('slot %s is stored at %d to %d µs, but its last edit was acknowledged at %s', id, stored.starts_us,
              stored.ends_us, group_concat(printf('%d to %d µs (key %s)', edits.starts_us, edits.ends_us, key), ' or '))
FROM edits JOIN stored_slots AS stored ON stored.id = slot
WHERE NOT EXISTS (SELECT 1 FROM edits AS later
                  WHERE later.slot = edits.slot AND (NOT later.told OR later.sent_us > edits.answered_us))
  AND stored.doctor NOT IN (SELECT actor FROM lost)
GROUP BY id
HAVING NOT max(edits.starts_us = stored.starts_us AND edits.ends_us = stored.ends_us)
ORDER BY id;

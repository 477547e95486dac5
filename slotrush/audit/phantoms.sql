INSERT INTO checked
SELECT 'phantoms', (SELECT count(*) FROM stored_appointments) + (SELECT count(*) FROM stored_slots)
                   + (SELECT count(*) FROM entered WHERE step > 1);

-- One that was acknowledged, but is stored with other parties or another key, is no phantom: it counts as lost.
-- An offer to the first in a waiting list is the system's, and belongs later to the key that accepted it.
INSERT INTO findings
SELECT 'phantoms',
       printf('appointment %s of patient %s on slot %s (key %s, %s): %s', id, patient, slot, key, state,
    CASE WHEN EXISTS (SELECT 1 FROM ledger WHERE ledger.key = stored.key AND outcome <> 'refused')
         THEN 'the ledger has its key only for another patient, slot or action'
         WHEN EXISTS (SELECT 1 FROM ledger WHERE ledger.key = stored.key)
         THEN 'the client was told that it was refused'
         ELSE 'no attempt in the ledger has its key' END)
FROM stored_appointments AS stored
WHERE NOT EXISTS (SELECT 1 FROM bookable
                  WHERE bookable.key = stored.key AND bookable.actor = stored.patient AND bookable.slot = stored.slot
                    AND bookable.moves IS stored.rescheduled_from)
  AND NOT EXISTS (SELECT 1 FROM booked WHERE booked.key = stored.key)
  AND NOT EXISTS (SELECT 1 FROM booked WHERE booked.appointment = stored.id)
  AND NOT (EXISTS (SELECT 1 FROM entered WHERE entered.appointment = stored.id AND entered.state = 'offered')
           AND EXISTS (SELECT 1 FROM entered WHERE entered.appointment = stored.id AND entered.key = stored.key))
ORDER BY id;

-- The first event is the booking itself. Offers, reminders and what expires without its patient are the system's.
INSERT INTO findings
SELECT 'phantoms',
       printf('appointment %s was %s by %s (event %s, key %s), but no such attempt is in the ledger',
              appointment, state, actor, event, key)
FROM entered
WHERE step > 1 AND state NOT IN ('offered', 'reminder')
  AND NOT (state = 'expired' AND actor <> (SELECT patient FROM stored_appointments WHERE id = appointment))
  AND NOT EXISTS (SELECT 1 FROM changed
                  WHERE changed.appointment = entered.appointment AND changed.event = entered.state
                    AND changed.key = entered.key AND changed.actor = entered.actor)
ORDER BY appointment, event;

INSERT INTO findings
SELECT 'phantoms',
       printf('doctor %s has %d stored slots, but published %d%s', doctor, stored, created,
              iif(gone, printf(' and removed %d', gone), ''))
FROM (SELECT doctor, slots AS stored,
             coalesce((SELECT sum(created) FROM published WHERE published.doctor = agendas.doctor), 0) AS created,
             (SELECT count(*) FROM removed
              WHERE removed.doctor = agendas.doctor AND told
                AND NOT EXISTS (SELECT 1 FROM stored_slots WHERE id = slot)) AS gone
      FROM agendas)
WHERE stored > created - gone
  AND doctor NOT IN (SELECT subject FROM ledger
                     WHERE action = 'publish' AND outcome = 'unknown' AND key NOT IN (SELECT key FROM published)
                     UNION SELECT actor FROM lost)
ORDER BY doctor;

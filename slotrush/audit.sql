-- The audit's rules, as SQL over a run record. `audit.py` runs this as one script and reads `checked` and `findings`.
-- Held: requested, accepted, completed, no_show. Live: requested, accepted.

-- For each invariant, how many cases were checked, and one sentence per broken case that names its rows.
CREATE TEMP TABLE checked (invariant TEXT PRIMARY KEY, cases INTEGER NOT NULL);
CREATE TEMP TABLE findings (invariant TEXT NOT NULL, detail TEXT NOT NULL);

-- What clients were told that succeeded, but for publications. Replays of one answer are one row.
CREATE TEMP TABLE told AS
SELECT DISTINCT key, action, actor, subject, doctor, price_cents,
       CASE action WHEN 'request' THEN appointment ELSE subject END AS appointment
FROM ledger WHERE outcome = 'acknowledged' AND action <> 'publish';
CREATE INDEX temp.told_by_key ON told (key);
CREATE INDEX temp.told_by_appointment ON told (appointment);

CREATE TEMP TABLE published AS
SELECT subject AS doctor, key, max(coalesce(created, 0)) AS created
FROM ledger WHERE outcome = 'acknowledged' AND action = 'publish' GROUP BY subject, key;
CREATE INDEX temp.published_by_doctor ON published (doctor);

-- What may have changed the stores: acknowledged, or nobody knows.
CREATE TEMP TABLE possible AS
SELECT DISTINCT key, action, actor, subject FROM ledger WHERE outcome <> 'refused';
CREATE INDEX temp.possible_by_key ON possible (key, action);
CREATE INDEX temp.possible_by_subject ON possible (subject, action);

CREATE TEMP TABLE stored_keys AS SELECT key, id AS appointment FROM stored_appointments;
CREATE INDEX temp.stored_keys_by_key ON stored_keys (key);

CREATE TEMP TABLE entered AS SELECT appointment, state, key, actor, event FROM stored_transitions;
CREATE INDEX temp.entered_by_appointment ON entered (appointment, state);

-- Every e-mail that must be there, and every one that is.
CREATE TEMP TABLE due (event TEXT, recipient TEXT, PRIMARY KEY (event, recipient)) WITHOUT ROWID;
INSERT INTO due
SELECT DISTINCT event, lower(recipient.value) FROM stored_transitions, json_each(recipients) AS recipient;

CREATE TEMP TABLE heard (event TEXT, recipient TEXT, copies INTEGER, PRIMARY KEY (event, recipient)) WITHOUT ROWID;
INSERT INTO heard SELECT event, lower(recipient), count(*) FROM stored_mails GROUP BY 1, 2;

-- When each doctor has slots, and each patient live appointments.
CREATE TEMP TABLE times AS
SELECT 'doctor' AS role, doctor AS whose, 'slot' AS kind, id, starts_us, ends_us FROM stored_slots
UNION ALL
SELECT 'patient', patient, 'appointment', id, starts_us, ends_us
FROM stored_appointments WHERE state IN ('requested', 'accepted');
CREATE INDEX temp.times_by_start ON times (role, whose, starts_us);


-- double_bookings: a slot is held by at most one appointment.
INSERT INTO checked SELECT 'double_bookings', count(*) FROM stored_slots;

INSERT INTO findings
SELECT 'double_bookings',
       printf('slot %s is held by %d appointments: %s', slot, count(*),
              group_concat(printf('%s (%s, patient %s, key %s)', id, state, patient, key), ' and '))
FROM (SELECT * FROM stored_appointments
      WHERE state IN ('requested', 'accepted', 'completed', 'no_show') ORDER BY slot, id)
GROUP BY slot HAVING count(*) > 1
ORDER BY slot;


-- overlapping: a doctor's slots and a patient's live appointments never do, and an appointment is at its slot's time.
INSERT INTO checked
SELECT 'overlapping', (SELECT count(*) FROM stored_slots) + (SELECT count(*) FROM stored_appointments);

-- One case for each row that starts before all earlier ones of the same person have ended.
INSERT INTO findings
SELECT 'overlapping',
       printf('%s %s: %s %s (%d to %d µs) starts before %s has ended', role, whose, kind, id, starts_us, ends_us,
              (SELECT printf('%s %s (%d to %d µs)', other.kind, other.id, other.starts_us, other.ends_us)
               FROM times AS other
               WHERE other.role = later.role AND other.whose = later.whose AND other.id <> later.id
                 AND other.starts_us <= later.starts_us AND other.ends_us > later.starts_us
               ORDER BY other.starts_us LIMIT 1))
FROM (SELECT *, max(ends_us) OVER (PARTITION BY role, whose ORDER BY starts_us, id
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until_us
      FROM times) AS later
WHERE busy_until_us > starts_us
ORDER BY role, whose, starts_us, id;

INSERT INTO findings
SELECT 'overlapping',
       CASE WHEN slots.id IS NULL
       THEN printf('appointment %s of patient %s is on slot %s, which is not stored', held.id, patient, slot)
       ELSE printf('appointment %s (doctor %s, %d to %d µs) differs from its slot %s (doctor %s, %d to %d µs)',
                   held.id, held.doctor, held.starts_us, held.ends_us,
                   slots.id, slots.doctor, slots.starts_us, slots.ends_us) END
FROM stored_appointments AS held LEFT JOIN stored_slots AS slots ON slots.id = held.slot
WHERE slots.id IS NULL
   OR (slots.doctor, slots.starts_us, slots.ends_us) <> (held.doctor, held.starts_us, held.ends_us)
ORDER BY held.id;


-- lost_acknowledged: what a client was told that it succeeded is stored, with the same parties, price and key.
INSERT INTO checked
SELECT 'lost_acknowledged', (SELECT count(*) FROM told) + (SELECT count(*) FROM published);

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('request %s, acknowledged to patient %s as appointment %s on slot %s, is not stored%s',
              key, actor, coalesce(appointment, '(unnamed)'), subject,
              coalesce((SELECT printf(' (its key is stored with appointment %s)', other.appointment)
                        FROM stored_keys AS other WHERE other.key = told.key LIMIT 1), ''))
FROM told
WHERE action = 'request' AND NOT EXISTS (SELECT 1 FROM stored_appointments WHERE id = told.appointment)
ORDER BY key;

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('request %s, acknowledged to patient %s as appointment %s, is stored with another %s',
              told.key, actor, stored.id, substr(
    CASE WHEN stored.patient <> actor THEN printf(', patient: %s', stored.patient) ELSE '' END ||
    CASE WHEN stored.slot <> subject THEN printf(', slot: %s, told %s', stored.slot, subject) ELSE '' END ||
    CASE WHEN stored.doctor <> coalesce(told.doctor, stored.doctor)
         THEN printf(', doctor: %s, told %s', stored.doctor, told.doctor) ELSE '' END ||
    CASE WHEN stored.price_cents <> coalesce(told.price_cents, stored.price_cents)
         THEN printf(', price: %d cents, told %d', stored.price_cents, told.price_cents) ELSE '' END ||
    CASE WHEN stored.key <> told.key THEN printf(', key: %s', stored.key) ELSE '' END, 3))
FROM told JOIN stored_appointments AS stored ON stored.id = told.appointment
WHERE action = 'request'
  AND (stored.patient, stored.slot, stored.doctor, stored.price_cents, stored.key)
      <> (actor, subject, coalesce(told.doctor, stored.doctor),
          coalesce(told.price_cents, stored.price_cents), told.key)
ORDER BY told.key;

INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('request %s, acknowledged to patient %s as appointment %s, is stored as %s, and nobody asked for that',
              told.key, actor, stored.id, stored.state)
FROM told JOIN stored_appointments AS stored ON stored.id = told.appointment
WHERE told.action = 'request' AND stored.state IN ('cancelled', 'declined')
  AND NOT EXISTS (SELECT 1 FROM possible
                  WHERE possible.subject = stored.id
                    AND possible.action = CASE stored.state WHEN 'cancelled' THEN 'cancel' ELSE 'decline' END)
ORDER BY told.key;

-- A cancel or a refusal is the end of an appointment; an accepted one may have gone on.
INSERT INTO findings
WITH changes AS (
    SELECT *, CASE action WHEN 'cancel' THEN 'cancelled' WHEN 'accept' THEN 'accepted' ELSE 'declined' END AS target
    FROM told WHERE action <> 'request'
)
SELECT 'lost_acknowledged',
       printf('%s %s, acknowledged to %s, does not show: appointment %s %s', action, changes.key, actor, appointment,
              CASE WHEN stored.id IS NULL THEN 'is not stored'
                   WHEN stored.state = target THEN 'has no state change by that actor and key'
                   ELSE printf('is stored as %s', stored.state) END)
FROM changes LEFT JOIN stored_appointments AS stored ON stored.id = appointment
WHERE stored.id IS NULL
   OR NOT (stored.state = target
           OR (action = 'accept' AND stored.state IN ('completed', 'no_show', 'cancelled')))
   OR NOT EXISTS (SELECT 1 FROM entered
                  WHERE entered.appointment = changes.appointment AND entered.state = target
                    AND entered.key = changes.key AND entered.actor = changes.actor)
ORDER BY changes.key;

-- A slot carries no key of its publication, so publications are held against the slots by doctor and number.
INSERT INTO findings
SELECT 'lost_acknowledged',
       printf('doctor %s was told of %d published slots (%s), but %d are stored',
              doctor, sum(created), group_concat('key ' || key, ', '),
              (SELECT count(*) FROM stored_slots WHERE stored_slots.doctor = published.doctor))
FROM published
GROUP BY doctor
HAVING sum(created) > (SELECT count(*) FROM stored_slots WHERE stored_slots.doctor = published.doctor)
ORDER BY doctor;


-- phantoms: what is stored comes from an attempt that was acknowledged, or whose outcome the client never learnt.
INSERT INTO checked
SELECT 'phantoms', (SELECT count(*) FROM stored_appointments) + (SELECT count(*) FROM stored_slots)
                   + (SELECT count(*) FROM stored_transitions WHERE state <> 'requested');

-- One that was acknowledged, but is stored with other parties or another key, is no phantom: it counts as lost.
INSERT INTO findings
SELECT 'phantoms',
       printf('appointment %s of patient %s on slot %s (key %s, %s): %s', id, patient, slot, key, state,
    CASE WHEN EXISTS (SELECT 1 FROM possible WHERE possible.key = stored.key)
         THEN 'the ledger has its key only for another patient, slot or action'
         WHEN EXISTS (SELECT 1 FROM ledger WHERE ledger.key = stored.key)
         THEN 'the client was told that it was refused'
         ELSE 'no attempt in the ledger has its key' END)
FROM stored_appointments AS stored
WHERE NOT EXISTS (SELECT 1 FROM possible
                  WHERE possible.key = stored.key AND possible.action = 'request'
                    AND possible.actor = stored.patient AND possible.subject = stored.slot)
  AND NOT EXISTS (SELECT 1 FROM told WHERE told.key = stored.key AND told.action = 'request')
  AND NOT EXISTS (SELECT 1 FROM told WHERE told.appointment = stored.id AND told.action = 'request')
ORDER BY id;

INSERT INTO findings
SELECT 'phantoms',
       printf('appointment %s was %s by %s (event %s, key %s), but no such attempt is in the ledger',
              appointment, state, actor, event, key)
FROM entered
WHERE state <> 'requested'
  AND NOT EXISTS (SELECT 1 FROM possible
                  WHERE possible.key = entered.key AND possible.actor = entered.actor
                    AND possible.subject = entered.appointment
                    AND possible.action = CASE state WHEN 'cancelled' THEN 'cancel' WHEN 'accepted' THEN 'accept'
                                                     WHEN 'declined' THEN 'decline' END)
ORDER BY appointment, event;

INSERT INTO findings
WITH agendas AS (
    SELECT doctor, count(*) AS stored,
           coalesce((SELECT sum(created) FROM published WHERE published.doctor = stored_slots.doctor), 0) AS told
    FROM stored_slots GROUP BY doctor
)
SELECT 'phantoms', printf('doctor %s has %d stored slots, but published %d', doctor, stored, told)
FROM agendas
WHERE stored > told
  AND NOT EXISTS (SELECT 1 FROM possible
                  WHERE possible.subject = agendas.doctor AND possible.action = 'publish'
                    AND possible.key NOT IN (SELECT key FROM published WHERE published.doctor = agendas.doctor))
ORDER BY doctor;


-- reused_keys: one idempotency key never made two appointments.
INSERT INTO checked
SELECT 'reused_keys', count(*)
FROM (SELECT key FROM ledger WHERE action = 'request' UNION SELECT key FROM stored_keys);

INSERT INTO findings
SELECT 'reused_keys', printf('key %s made %d appointments: %s', key, count(*), group_concat(appointment, ' and '))
FROM (SELECT key, appointment FROM stored_keys
      UNION SELECT key, appointment FROM told WHERE action = 'request' AND appointment IS NOT NULL)
GROUP BY key HAVING count(*) > 1
ORDER BY key;


-- notifications_missing: every state change was announced to everyone whom it concerns.
INSERT INTO checked SELECT 'notifications_missing', count(*) FROM due;

INSERT INTO findings
SELECT 'notifications_missing',
       printf('event %s (appointment %s %s): no e-mail reached %s', event, appointment, state, recipient)
FROM due JOIN stored_transitions USING (event)
WHERE NOT EXISTS (SELECT 1 FROM heard WHERE heard.event = due.event AND heard.recipient = due.recipient)
ORDER BY event, recipient;

INSERT INTO findings
SELECT 'notifications_missing',
       printf('event %s (appointment %s %s) names nobody who must hear of it', event, appointment, state)
FROM stored_transitions WHERE json_array_length(recipients) = 0
ORDER BY event;

INSERT INTO findings
SELECT 'notifications_missing',
       printf('appointment %s was %s, but there is no event that could announce it', id, state)
FROM (SELECT id, 'requested' AS state FROM stored_appointments
      UNION SELECT id, state FROM stored_appointments) AS reached
WHERE NOT EXISTS (SELECT 1 FROM entered WHERE entered.appointment = reached.id AND entered.state = reached.state)
ORDER BY id, state;


-- notifications_doubled: no state change was announced twice, nor to anyone whom it does not concern.
INSERT INTO checked SELECT 'notifications_doubled', count(*) FROM stored_mails;

INSERT INTO findings
SELECT 'notifications_doubled',
       CASE WHEN due.event IS NULL
       THEN printf('event %s: %d e-mail(s) reached %s, who should get none', heard.event, copies, heard.recipient)
       ELSE printf('event %s: %d e-mails reached %s', heard.event, copies, heard.recipient) END
FROM heard LEFT JOIN due ON due.event = heard.event AND due.recipient = heard.recipient
WHERE due.event IS NULL OR copies > 1
ORDER BY heard.event, heard.recipient;

INSERT INTO findings
SELECT 'notifications_doubled',
       printf('appointment %s was %s by %d events: %s', appointment, state, count(*), group_concat(event, ' and '))
FROM (SELECT * FROM entered ORDER BY appointment, state, event)
GROUP BY appointment, state HAVING count(*) > 1
ORDER BY appointment, state;


-- queues_not_empty: the outbox, the stream and the dead letters are.
INSERT INTO checked SELECT 'queues_not_empty', count(*) FROM queue_depths;

INSERT INTO findings
SELECT 'queues_not_empty', printf('%s: %d left', queue, depth) FROM queue_depths WHERE depth <> 0
ORDER BY queue;

INSERT INTO findings
SELECT 'queues_not_empty', printf('%s: its depth was not read', column1)
FROM (VALUES ('outbox'), ('stream'), ('dead letters'))
WHERE column1 NOT IN (SELECT queue FROM queue_depths);

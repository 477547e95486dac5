-- What the rules compare, read from the run record once: what clients were told, what they may have done, and what
-- the target's stores hold. `__init__.py` runs this first, and then the file of each invariant, which adds to `checked`
-- and `findings`.
-- Held: offered, requested, accepted, completed, no_show. Live: requested, accepted.

-- For each invariant, how many cases were checked, and one sentence per broken case that names its rows.
CREATE TEMP TABLE checked (invariant TEXT PRIMARY KEY, cases INTEGER NOT NULL);
CREATE TEMP TABLE findings (invariant TEXT NOT NULL, detail TEXT NOT NULL);

-- The event that an action leaves in the history of the appointment which it changes. A reschedule changes the one
-- that it moves, and makes another as a request does.
CREATE TEMP TABLE changes (action TEXT PRIMARY KEY, event TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO changes VALUES
    ('accept', 'accepted'), ('decline', 'declined'), ('cancel', 'cancelled'), ('complete', 'completed'),
    ('no_show', 'no_show'), ('accept_offer', 'requested'), ('refuse_offer', 'expired'), ('reschedule', 'moved');

-- Bookings (requests and reschedules) that clients were told to have succeeded. Replays of one answer are one row.
CREATE TEMP TABLE booked AS
SELECT DISTINCT key, action, actor, subject AS slot, moves, appointment, doctor, price_cents
FROM ledger WHERE outcome = 'acknowledged' AND action IN ('request', 'reschedule');
CREATE INDEX temp.booked_by_key ON booked (key);
CREATE INDEX temp.booked_by_appointment ON booked (appointment);

-- Bookings that may have reached the stores: acknowledged, or nobody knows.
CREATE TEMP TABLE bookable AS
SELECT DISTINCT key, action, actor, subject AS slot, moves
FROM ledger WHERE outcome <> 'refused' AND action IN ('request', 'reschedule');
CREATE INDEX temp.bookable_by_key ON bookable (key);

-- Changes of appointments that may have reached the stores; `told`: some client knows that it did.
CREATE TEMP TABLE changed AS
SELECT key, action, event, actor, iif(action = 'reschedule', moves, subject) AS appointment,
       max(outcome = 'acknowledged') AS told, max(doctor) AS doctor, max(price_cents) AS price_cents
FROM ledger JOIN changes USING (action)
WHERE outcome <> 'refused'
GROUP BY 1, 2, 3, 4, 5;
CREATE INDEX temp.changed_by_appointment ON changed (appointment, event);

-- Whoever is made anonymous asks with it that all they have to come ends.
INSERT INTO changed
SELECT key, 'leave', state, actor, appointment, 0, NULL, NULL
FROM stored_transitions
WHERE forgotten AND state IN ('cancelled', 'expired') AND key LIKE 'all:' || appointment || ':%';

-- What the people of a lost worker did last is in no ledger: what the stores hold of theirs, under keys of which the
-- ledger has nothing or only that the load was shed (and who is shed tries again), is an unknown outcome.
CREATE TEMP TABLE lost (actor TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO lost SELECT actor FROM lost_actors;
CREATE TEMP TABLE settled (key TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO settled SELECT DISTINCT key FROM ledger
WHERE EXISTS (SELECT 1 FROM lost) AND NOT (outcome = 'refused' AND status IN (429, 503));
INSERT INTO bookable
SELECT key, 'unledgered', patient, slot, rescheduled_from FROM stored_appointments
WHERE patient IN (SELECT actor FROM lost) AND key NOT IN (SELECT key FROM settled);
INSERT INTO changed
SELECT key, 'unledgered', state, actor, appointment, 0, NULL, NULL FROM stored_transitions
WHERE actor IN (SELECT actor FROM lost) AND key NOT IN (SELECT key FROM settled);

CREATE TEMP TABLE published AS
SELECT subject AS doctor, key, max(coalesce(created, 0)) AS created
FROM ledger WHERE outcome = 'acknowledged' AND action = 'publish' GROUP BY subject, key;
CREATE INDEX temp.published_by_doctor ON published (doctor);

-- Slots that may have been removed. Whose they were only the client can say.
CREATE TEMP TABLE removed AS
SELECT subject AS slot, max(coalesce(doctor, actor)) AS doctor, max(outcome = 'acknowledged') AS told, max(key) AS key
FROM ledger WHERE outcome <> 'refused' AND action = 'remove_slot' GROUP BY subject;
CREATE INDEX temp.removed_by_doctor ON removed (doctor);

CREATE TEMP TABLE agendas AS SELECT doctor, count(*) AS slots FROM stored_slots GROUP BY doctor;
CREATE INDEX temp.agendas_by_doctor ON agendas (doctor);

CREATE TEMP TABLE stored_keys AS SELECT key, id AS appointment FROM stored_appointments;
CREATE INDEX temp.stored_keys_by_key ON stored_keys (key);

CREATE TEMP TABLE entered AS SELECT appointment, step, event, state, key, actor, at_us FROM stored_transitions;
CREATE INDEX temp.entered_by_appointment ON entered (appointment, state);

-- Every e-mail that must be there, and every one that is. Records of before say when e-mails of an event were dropped, but
-- not whose: there it goes for all.
CREATE TEMP TABLE due (event TEXT, recipient TEXT, overtaken_us INTEGER, PRIMARY KEY (event, recipient)) WITHOUT ROWID;
INSERT OR IGNORE INTO due
SELECT event,
       lower(CASE one.type WHEN 'object' THEN one.value ->> 'address' ELSE one.value END),
       CASE WHEN one.type = 'object' THEN one.value ->> 'overtaken_us'
            WHEN NOT EXISTS (SELECT 1 FROM json_each(recipients) WHERE type = 'object') THEN overtaken_us END
FROM stored_transitions, json_each(recipients) AS one;

-- Who need not have heard of an offer, a confirmation or a reminder, as something had overtaken it. A reminder itself
-- overtakes nothing.
CREATE TEMP TABLE overtaken (event TEXT, recipient TEXT, PRIMARY KEY (event, recipient)) WITHOUT ROWID;
INSERT INTO overtaken
SELECT event, recipient
FROM due JOIN stored_transitions AS dropped USING (event)
WHERE state IN ('offered', 'accepted', 'reminder')
  AND (until_us <= due.overtaken_us
       OR EXISTS (SELECT 1 FROM entered AS later
                  WHERE later.appointment = dropped.appointment AND later.step > dropped.step
                    AND later.state <> 'reminder' AND later.at_us <= due.overtaken_us));

CREATE TEMP TABLE heard (event TEXT, recipient TEXT, copies INTEGER, PRIMARY KEY (event, recipient)) WITHOUT ROWID;
INSERT INTO heard SELECT event, lower(recipient), count(*) FROM stored_mails GROUP BY 1, 2;

-- When each doctor has slots, and each patient live appointments.
CREATE TEMP TABLE times AS
SELECT 'doctor' AS role, doctor AS whose, 'slot' AS kind, id, starts_us, ends_us FROM stored_slots
UNION ALL
SELECT 'patient', patient, 'appointment', id, starts_us, ends_us
FROM stored_appointments WHERE state IN ('requested', 'accepted');
CREATE INDEX temp.times_by_start ON times (role, whose, starts_us);

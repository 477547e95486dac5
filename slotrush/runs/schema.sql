-- The run record: one SQLite file per swarm, `results/<run-id>/run.sqlite`.
-- Each generator worker writes a part file of this same schema (`parts/<worker>.sqlite`), so that nothing that
-- a worker has flushed is lost with it; the parts are merged into the run record at the end.
-- Times are Unix epoch microseconds (`_us`) or whole Unix epoch seconds (`second`). Money is in BRL cents.
-- Ids are the target's own ids as text (UUIDs for the reference target).

PRAGMA application_id = 1397511250;  -- 'SLTR'
PRAGMA user_version = 3;             -- schema version

-- What the run was: keys run_id, scenario, seed, started_at, options, target, machine, limits, floor, invalid_reasons, …
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;

-- Points in time: 'connect', 'connected', 'drop' or 'start', 'step', 'drained' or 'ended', 'broken', 'stopped', 'interrupted',
-- 'worker-lost', 'worker-late', 'clock', 'scaled', 'replicas', 'fault', 'healed' …
CREATE TABLE events (
    at_us  INTEGER NOT NULL,
    name   TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;

-- Response time counts from the intended start of a request, service time from its sending. Both are HdrHistograms
-- (V2 compressed encoding, 1 µs to 10 min, 3 significant digits) of the requests answered in that second.
-- good: answered as promised (a 409 for a taken slot is); refused: 429 and 503; bad: other 5xx, time-outs, broken connections
-- and answers that break the contract. Availability counts refused as bad.
CREATE TABLE latency (
    worker       TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    second       INTEGER NOT NULL,
    good         INTEGER NOT NULL,
    bad          INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    response_hdr BLOB NOT NULL,
    service_hdr  BLOB NOT NULL,
    PRIMARY KEY (worker, endpoint, second)
) STRICT, WITHOUT ROWID;

-- Every write attempt, whatever became of it.
CREATE TABLE ledger (
    key            TEXT NOT NULL,    -- Idempotency-Key; a retry of the same attempt repeats it
    worker         TEXT NOT NULL,
    action         TEXT NOT NULL CHECK (action IN (
        'publish', 'edit_slot', 'remove_slot', 'request', 'reschedule', 'accept', 'decline', 'cancel', 'complete',
        'no_show', 'accept_offer', 'refuse_offer')),
    actor          TEXT NOT NULL,    -- id of the patient, doctor or member of staff who acts
    subject        TEXT NOT NULL,    -- doctor id (publish), slot id (edit_slot, remove_slot; request, reschedule: the
                                     -- wanted one), appointment id (all others)
    intended_us    INTEGER NOT NULL,
    sent_us        INTEGER NOT NULL,
    answered_us    INTEGER,          -- NULL while unknown
    outcome        TEXT NOT NULL CHECK (outcome IN ('acknowledged', 'refused', 'unknown')),
    status         INTEGER NOT NULL, -- HTTP status, 0 when there was no answer
    reason         TEXT NOT NULL DEFAULT '',  -- last path segment of the problem's type ('slot-taken'), or the error
    appointment    TEXT,             -- what the answer named, when acknowledged
    doctor         TEXT,             -- remove_slot: whose slot it is, which no answer names; NULL: the actor's
    price_cents    INTEGER,
    created        INTEGER,          -- publish: how many slots were acknowledged
    moves          TEXT,             -- reschedule: the appointment that gives way to the new one, whatever the outcome
    starts_us      INTEGER,          -- edit_slot: the time that was acknowledged
    ends_us        INTEGER
) STRICT;

-- The people of workers that were lost: what they did after their worker's last flush is in no ledger.
CREATE TABLE lost_actors (
    actor TEXT PRIMARY KEY           -- id of a patient, doctor or member of staff
) STRICT, WITHOUT ROWID;

-- The generator watches itself, per worker and second.
CREATE TABLE generator_health (
    worker        TEXT NOT NULL,
    second        INTEGER NOT NULL,
    loop_lag_hdr  BLOB NOT NULL,     -- HdrHistogram of event-loop lag, µs: one value for every 50 ms, also while it was away
    cpu_us        INTEGER NOT NULL,  -- CPU of the worker process, per second since its row before
    memory_bytes  INTEGER NOT NULL,  -- resident set
    users         INTEGER NOT NULL,
    sockets       INTEGER NOT NULL,
    gc_pause_us   INTEGER NOT NULL,
    arrivals      INTEGER NOT NULL,  -- of an open load: arrivals that were due
    dropped       INTEGER NOT NULL,  -- arrivals that were due and never started
    PRIMARY KEY (worker, second)
) STRICT, WITHOUT ROWID;

-- Process accounting, sampled about once a second. Components: generator, proxy, app, postgres, valkey, notifier,
-- mailbox, harness. CPU is cumulative since the stack started, children included.
CREATE TABLE usage (
    at_us        INTEGER NOT NULL,
    component    TEXT NOT NULL,
    cpu_us       INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,   -- proportional set size (shared pages counted once)
    processes    INTEGER NOT NULL,
    PRIMARY KEY (at_us, component)
) STRICT, WITHOUT ROWID;

-- What the target's own stores held once the swarm was over and the outbox drained: the truth that the ledger is held against.
CREATE TABLE stored_slots (
    id TEXT PRIMARY KEY, doctor TEXT NOT NULL, starts_us INTEGER NOT NULL, ends_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stored_appointments (
    id          TEXT PRIMARY KEY,
    slot        TEXT NOT NULL,
    doctor      TEXT NOT NULL,
    patient     TEXT NOT NULL,
    starts_us   INTEGER NOT NULL,
    ends_us     INTEGER NOT NULL,
    state       TEXT NOT NULL,       -- live: requested, accepted; these hold their slot, as do offered, completed, no_show;
                                     -- declined, cancelled, expired: history, the slot may be gone or at another time
    price_cents INTEGER NOT NULL,
    key         TEXT NOT NULL,       -- Idempotency-Key of the request or reschedule; 'offer:…' for the system's offers
    rescheduled_from TEXT            -- the appointment in whose place it came
) STRICT, WITHOUT ROWID;

CREATE TABLE stored_transitions (
    event       TEXT PRIMARY KEY,    -- id of the outbox event, carried by its e-mails
    appointment TEXT NOT NULL,
    step        INTEGER NOT NULL,    -- place in the appointment's history, from 1
    state       TEXT NOT NULL,       -- the state that was entered; rescheduled: requested, in place of another; moved: cancelled,
                                     -- with another in its place; reminder: none
    actor       TEXT NOT NULL,
    key         TEXT NOT NULL,       -- Idempotency-Key of the write that caused it
    at_us       INTEGER NOT NULL,
    recipients  TEXT NOT NULL,       -- JSON list of the addresses that must hear of it, one e-mail each; for an e-mail
                                     -- that was dropped, as something had overtaken it, {"address", "overtaken_us"}
    forgotten   INTEGER NOT NULL,    -- 1: its patient was made anonymous since, and may have heard of it at a former address
    until_us    INTEGER,             -- how long it is worth telling: offered: until the offer ends, reminder: until the
                                     -- appointment begins; NULL: always
    overtaken_us INTEGER             -- when the first such e-mail was dropped; NULL: none was
) STRICT, WITHOUT ROWID;

CREATE TABLE stored_mails (
    event TEXT NOT NULL, recipient TEXT NOT NULL, received_us INTEGER NOT NULL
) STRICT;

CREATE TABLE queue_depths (
    queue TEXT PRIMARY KEY,          -- 'outbox', 'stream', 'dead letters'
    depth INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The audit's findings: one row per invariant, and the offending rows.
CREATE TABLE audit (
    invariant TEXT PRIMARY KEY,
    title     TEXT NOT NULL,
    checked   INTEGER NOT NULL,
    broken    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_findings (
    invariant TEXT NOT NULL,
    detail    TEXT NOT NULL          -- one sentence that names the rows
) STRICT;

-- migrate:up transaction:false

-- What was relayed when, to find what the stream has lost. What is not relayed yet is not in here, so a booking has no
-- index more. Bookings go on while it is built, for which it must be the one statement of this migration. One that was
-- interrupted leaves an invalid index: drop it, and migrate again.
CREATE INDEX CONCURRENTLY appointment_events_relayed ON appointment_events (relayed_at) WHERE relayed_at IS NOT NULL;

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY appointment_events_relayed;

-- migrate:up

-- When an event was put into the outbox again, so that e-mails about it are tried once more.
ALTER TABLE appointment_events ADD COLUMN requeued_at timestamptz;

-- overtaken: dropped, as what it tells was not so any more when it was to be sent.
ALTER TABLE notifications
    DROP CONSTRAINT notifications_state_check,
    ADD CONSTRAINT notifications_state_check CHECK (state IN ('sending', 'sent', 'failed', 'overtaken')),
    ADD COLUMN tried_at timestamptz,         -- the last attempt, or when it was dropped
    ADD COLUMN leased_until timestamptz,     -- of one that a member is sending: until when no other one does
    ADD COLUMN retry_at timestamptz;         -- of one that is put off: when its event goes into the outbox again
ALTER TABLE notifications ALTER COLUMN tried_at SET DEFAULT now();

CREATE INDEX notifications_put_off ON notifications (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX notifications_failed ON notifications (event_id, recipient) WHERE state = 'failed';
CREATE INDEX notifications_by_recipient ON notifications (recipient, event_id);

-- Which failed e-mails the staff had sent again; the primary key makes a repeated request do it once.
CREATE TABLE notification_retries (
    staff_id        uuid NOT NULL REFERENCES staff,
    idempotency_key text NOT NULL,
    event_id        uuid NOT NULL,
    recipient       text NOT NULL,
    at              timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (staff_id, idempotency_key),
    FOREIGN KEY (event_id, recipient) REFERENCES notifications ON UPDATE CASCADE
);

CREATE INDEX notification_retries_by_e_mail ON notification_retries (event_id, recipient);

-- For support: what became of each e-mail.
CREATE VIEW notification_status AS
SELECT
    notifications.event_id, notifications.recipient, notifications.state,
    event.state AS event, event.appointment_id, appointments.doctor_id, doctors.clinic_id,
    notifications.attempts, notifications.error,
    event.at AS happened_at, notifications.tried_at, notifications.retry_at, notifications.sent_at,
    event.relayed_at IS NULL AS in_outbox
FROM notifications
JOIN appointment_events AS event ON event.id = notifications.event_id
JOIN appointments ON appointments.id = event.appointment_id
JOIN doctors ON doctors.id = appointments.doctor_id;

-- migrate:down

DROP VIEW notification_status;
DROP TABLE notification_retries;
DROP INDEX notifications_by_recipient, notifications_failed, notifications_put_off;
UPDATE notifications SET state = 'failed' WHERE state = 'overtaken';
ALTER TABLE notifications
    DROP COLUMN retry_at,
    DROP COLUMN leased_until,
    DROP COLUMN tried_at,
    DROP CONSTRAINT notifications_state_check,
    ADD CONSTRAINT notifications_state_check CHECK (state IN ('sending', 'sent', 'failed'));
ALTER TABLE appointment_events DROP COLUMN requeued_at;

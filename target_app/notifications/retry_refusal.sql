-- Why retry.sql did nothing. $1 staff, $2 event, $3 recipient, $4 Idempotency-Key. Always one row.
-- used_event, used_recipient: what this key was used for. state: of the e-mail, null when their clinic has none such.
SELECT used.event_id AS used_event, used.recipient AS used_recipient, status.state
FROM (VALUES ($1::uuid, $2::uuid, $3::text, $4::text)) AS asked (staff_id, event_id, recipient, idempotency_key)
LEFT JOIN notification_retries AS used
    ON used.staff_id = asked.staff_id AND used.idempotency_key = asked.idempotency_key
LEFT JOIN notification_status AS status
    ON status.event_id = asked.event_id AND status.recipient = asked.recipient
   AND acts_for(asked.staff_id, status.doctor_id)

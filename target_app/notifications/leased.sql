-- About which of these events a member is sending an e-mail right now. $1 event ids.
SELECT DISTINCT event_id FROM notifications WHERE event_id = ANY ($1::uuid[]) AND leased_until > now()

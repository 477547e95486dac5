-- Adds the reminders that are due. $1 so many seconds before the start at the earliest, $2 and at the latest, $3 how many
-- at most. Answers how many there were. Any number of schedulers may run it at once: each takes other appointments, one
-- that is just being cancelled is left out, and one_reminder_per_appointment has the last word. Uses
-- appointments_to_remind. The actor is the system, as of offers.
WITH due AS (
    SELECT id FROM appointments
    WHERE state = 'accepted'
      AND lower(during) > now() + make_interval(secs => $2)
      AND lower(during) <= now() + make_interval(secs => $1)
      AND NOT EXISTS (
          SELECT FROM appointment_events AS event
          WHERE event.appointment_id = appointments.id AND event.state = 'reminder'
      )
    ORDER BY lower(during) LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
), reminded AS (
    INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)
    SELECT id, 'reminder', system_actor(), 'reminder' FROM due
    ON CONFLICT (appointment_id) WHERE state = 'reminder' DO NOTHING
    RETURNING id
)
SELECT count(*) FROM reminded

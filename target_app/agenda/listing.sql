-- A doctor's slots in order of time, each with what holds it, if anything. $1 who asks, $2 doctor, $3 from, $4 until,
-- $5 start of the slot to begin after (keyset: a doctor's slots never overlap), each null for no bound, $6 how many.
-- No row when $1 may not act for $2, and one row with a null slot when there is none. Uses slots_by_doctor.
SELECT
    page.id,
    lower(page.during) AS starts_at,
    minutes_of(page.during) AS minutes,
    coalesce(holding.state, 'free') AS state,
    holding.id AS appointment_id
FROM doctors
LEFT JOIN LATERAL (
    SELECT id, during
    FROM slots
    WHERE doctor_id = doctors.id
      AND lower(during) >= coalesce($3::timestamptz, '-infinity')
      AND lower(during) < coalesce($4::timestamptz, 'infinity')
      AND lower(during) > coalesce($5::timestamptz, '-infinity')
    ORDER BY lower(during)
    LIMIT $6
) AS page ON true
LEFT JOIN appointments AS holding            -- one_holder_per_slot
    ON holding.held_slot_id = page.id
WHERE doctors.id = $2 AND acts_for($1, doctors.id)
ORDER BY lower(page.during)

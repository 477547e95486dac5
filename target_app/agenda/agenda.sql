-- A doctor's slots from now on, each with the patient who holds it, if any; no row for an unknown doctor, and one
-- row with a null slot for a doctor without slots. $1 doctor. Uses slots_by_doctor and one_holder_per_slot.
SELECT
    doctors.price_cents,
    slots.id,
    lower(slots.during) AS starts_at,
    minutes_of(slots.during) AS minutes,
    holding.patient_id AS holder
FROM doctors
LEFT JOIN slots ON slots.doctor_id = doctors.id AND lower(slots.during) > now()
LEFT JOIN appointments AS holding
    ON holding.held_slot_id = slots.id
WHERE doctors.id = $1
ORDER BY lower(slots.during)

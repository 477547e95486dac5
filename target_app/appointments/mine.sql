-- $1 patient or doctor, $2 the id to start before (keyset; ids are UUIDv7, so they are in order of time), $3 how many.
SELECT id, slot_id, doctor_id, patient_id, during, price_cents, state
FROM appointments
WHERE (patient_id = $1 OR doctor_id = $1) AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC
LIMIT $3

-- A patient's appointments, newest first. $1 patient, $2 state or null, $3 and $4 between which times they begin (each
-- may be null), $5 doctor or null, $6 the id to start before (keyset; ids are UUIDv7, so they are in order of time),
-- $7 how many. Uses appointments_by_patient.
SELECT * FROM named_appointments
WHERE patient_id = $1
  AND ($2::text IS NULL OR state = $2)
  AND ($3::timestamptz IS NULL OR lower(during) >= $3)
  AND ($4::timestamptz IS NULL OR lower(during) < $4)
  AND ($5::uuid IS NULL OR doctor_id = $5)
  AND ($6::uuid IS NULL OR id < $6)
ORDER BY id DESC
LIMIT $7

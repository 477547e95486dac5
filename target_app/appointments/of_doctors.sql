-- The appointments of a doctor, or, for staff, of their clinic's doctors, newest first. $1 doctor or staff, $2 state or
-- null, $3 and $4 between which times they begin (each may be null), $5 only this doctor's or null, $6 the id to start
-- before (keyset), $7 how many. The scope is that of acts_for, as a set. Uses appointments_by_doctor.
SELECT
    one.id, one.slot_id, one.doctor_id, one.patient_id, one.during, one.price_cents, one.state, one.video_url,
    one.rescheduled_from, one.offer_expires_at,
    patients.name AS patient_name, doctors.name AS doctor_name
FROM doctors
CROSS JOIN LATERAL (
    SELECT * FROM appointments
    WHERE doctor_id = doctors.id
      AND ($2::text IS NULL OR state = $2)
      AND ($3::timestamptz IS NULL OR lower(during) >= $3)
      AND ($4::timestamptz IS NULL OR lower(during) < $4)
      AND ($6::uuid IS NULL OR id < $6)
    ORDER BY id DESC
    LIMIT $7
) AS one
JOIN patients ON patients.id = one.patient_id
WHERE (doctors.id = $1 OR doctors.clinic_id = (SELECT clinic_id FROM staff WHERE id = $1))
  AND ($5::uuid IS NULL OR doctors.id = $5)
ORDER BY one.id DESC
LIMIT $7

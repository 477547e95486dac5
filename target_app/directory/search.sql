-- A page of doctors in order of name. Each filter that is null lets everybody pass: $1 specialty, $2 part of the name
-- (case and accents do not count), $3 state of the CRM, $4 and $5 least and highest price in cents, $6 and $7 from
-- when and before when a slot starts that nobody holds (with either of them, and never in the past), $8 and $9 name
-- and id to start after (keyset). $10 how many. Uses doctors_by_specialty, doctors_by_name, doctors_by_searchable_name,
-- slots_by_doctor and one_holder_per_slot.
SELECT id, name, crm, crm_state, specialty, price_cents
FROM doctors
WHERE ($1::text IS NULL OR specialty = $1)
  AND ($2::text IS NULL OR searchable_name LIKE '%' || regexp_replace(searchable($2), '[\\%_]', '\\\&', 'g') || '%')
  AND ($3::text IS NULL OR crm_state = $3)
  AND ($4::int IS NULL OR price_cents >= $4)
  AND ($5::int IS NULL OR price_cents <= $5)
  AND (($6::timestamptz IS NULL AND $7::timestamptz IS NULL) OR (
      SELECT slots.id FROM slots
      WHERE slots.doctor_id = doctors.id
        AND lower(slots.during) > now()
        AND lower(slots.during) >= coalesce($6, now())
        AND lower(slots.during) < coalesce($7, 'infinity')
        AND NOT EXISTS (SELECT FROM appointments WHERE appointments.held_slot_id = slots.id)
      LIMIT 1  -- and no EXISTS, which would be hashed: every free slot of everybody, for one page
  ) IS NOT NULL)
  AND ($8::text IS NULL OR (name, id) > ($8, $9::uuid))
ORDER BY name, id
LIMIT $10

-- $1 specialty or null, $2 and $3 name and id to start after (keyset) or null, $4 how many. Uses doctors_by_specialty.
SELECT id, name, crm, crm_state, specialty, price_cents
FROM doctors
WHERE ($1::text IS NULL OR specialty = $1)
  AND ($2::text IS NULL OR (name, id) > ($2, $3::uuid))
ORDER BY name, id
LIMIT $4

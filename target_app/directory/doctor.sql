-- $1 doctor.
SELECT id, name, crm, crm_state, specialty, price_cents
FROM doctors
WHERE id = $1

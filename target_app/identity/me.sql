-- What somebody may know of their own account. $1 account. No row for one that was removed.
SELECT
    accounts.id, role, coalesce(patients.name, doctors.name, staff.name) AS name, accounts.email,
    coalesce(patients.locale, doctors.locale, staff.locale) AS locale,
    cpf, crm, crm_state, specialty, price_cents, clinics.id AS clinic_id, clinics.name AS clinic
FROM accounts
LEFT JOIN patients ON patients.id = accounts.id
LEFT JOIN doctors ON doctors.id = accounts.id
LEFT JOIN staff ON staff.id = accounts.id
LEFT JOIN clinics ON clinics.id = coalesce(doctors.clinic_id, staff.clinic_id)
WHERE accounts.id = $1 AND patients.removed_at IS NULL

-- Whether a sign-up is the retry of one that was successful. $1 e-mail, $2 Idempotency-Key, $3 role, $4 CPF or null,
-- $5 and $6 CRM number and state or null.
SELECT accounts.id, password_hash
FROM accounts
LEFT JOIN patients ON patients.id = accounts.id
LEFT JOIN doctors ON doctors.id = accounts.id
WHERE accounts.email = $1 AND sign_up_key = $2 AND role = $3
  AND cpf IS NOT DISTINCT FROM $4 AND crm IS NOT DISTINCT FROM $5 AND crm_state IS NOT DISTINCT FROM $6

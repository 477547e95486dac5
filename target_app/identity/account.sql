-- Who signs in. $1 e-mail, $2 CPF, $3 and $4 CRM number and state; those that were not given are null.
SELECT id, role, password_hash FROM accounts WHERE email = $1
UNION ALL
SELECT accounts.id, role, password_hash FROM accounts JOIN patients ON patients.id = accounts.id WHERE cpf = $2
UNION ALL
SELECT accounts.id, role, password_hash FROM accounts JOIN doctors ON doctors.id = accounts.id
WHERE crm = $3 AND crm_state = $4

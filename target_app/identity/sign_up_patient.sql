-- An account and its patient. Answers its id, or no row when one of them is there already: both must then be undone
-- (all_or_nothing). An error would write the e-mail address or the CPF into the database's log.
-- $1 e-mail, $2 password hash, $3 Idempotency-Key, $4 name, $5 locale,
-- $6 CPF.
WITH account AS (
    INSERT INTO accounts (role, email, password_hash, sign_up_key) VALUES ('patient', $1, $2, $3)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO patients (id, email, name, locale, cpf) SELECT id, $1, $4, $5, $6 FROM account
ON CONFLICT DO NOTHING
RETURNING id

-- An account and its doctor. Answers its id, or no row when one of them is there already: both must then be undone
-- (all_or_nothing). An error would write the e-mail address into the database's log.
-- $1 e-mail, $2 password hash, $3 Idempotency-Key, $4 name, $5 locale,
-- $6 and $7 CRM number and state, $8 specialty, $9 price in cents.
WITH account AS (
    INSERT INTO accounts (role, email, password_hash, sign_up_key) VALUES ('doctor', $1, $2, $3)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO doctors (id, email, name, locale, crm, crm_state, specialty, price_cents)
SELECT id, $1, $4, $5, $6, $7, $8, $9 FROM account
ON CONFLICT DO NOTHING
RETURNING id

-- A member of staff with their account, and their clinic when it is new. $1 clinic, $2 e-mail, $3 password hash,
-- $4 name, $5 locale. Answers no row when the e-mail is there already: the clinic must then be undone (all_or_nothing).
WITH clinic AS (
    INSERT INTO clinics (name) VALUES ($1)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name    -- so that it is answered
    RETURNING id
), account AS (
    INSERT INTO accounts (role, email, password_hash) VALUES ('staff', $2, $3)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO staff (id, clinic_id, name, email, locale)
SELECT account.id, clinic.id, $4, $2, $5 FROM account CROSS JOIN clinic
RETURNING id

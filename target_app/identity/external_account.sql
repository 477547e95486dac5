-- The account of an external issuer's subject; one that is new is linked to the account with its verified e-mail.
-- Anybody may have signed up with that address: from then on their password and sessions open it no more.
-- $1 issuer, $2 subject, $3 verified e-mail or null, $4 roles that the issuer gives them, $5 a password hash that
-- nothing matches. No row when there is none.
WITH known AS (
    SELECT account_id FROM external_identities WHERE issuer = $1 AND subject = $2
), linked AS (
    INSERT INTO external_identities (issuer, subject, account_id)
    SELECT $1, $2, id FROM accounts
    WHERE email = $3 AND role = ANY ($4::text[]) AND NOT EXISTS (SELECT FROM known)
    FOR KEY SHARE
    ON CONFLICT DO NOTHING
    RETURNING account_id
), signed_up AS (
    UPDATE accounts SET password_hash = $5
    WHERE id = (SELECT account_id FROM linked) AND sign_up_key IS NOT NULL
    RETURNING id
), session AS (
    DELETE FROM refresh_tokens WHERE account_id = (SELECT id FROM signed_up)
)
SELECT id, role FROM accounts
WHERE id = (SELECT account_id FROM known UNION ALL SELECT account_id FROM linked) AND role = ANY ($4::text[])

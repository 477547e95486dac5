-- A new family of refresh tokens. $1 account, $2 the hash that its password was checked with, $3 hash of the family's
-- shared part, $4 hash of the first token, $5 valid for, in seconds. The account's expired families go.
-- Answers no row when the account has another password by now, or was removed.
WITH expired AS (
    DELETE FROM refresh_tokens WHERE account_id = $1 AND expires_at <= now()
)
INSERT INTO refresh_tokens (family, account_id, token_hash, expires_at)
SELECT $3, id, $4, now() + make_interval(secs => $5)
FROM accounts
WHERE id = $1 AND password_hash = $2
FOR KEY SHARE
RETURNING account_id

-- The one good token of a family becomes the next one. Who brings the one before it, within the moment for which it
-- stays good, gets another next one; the one that was given in vain is good no more.
-- $1 hash of the family's shared part, $2 of the token, $3 of its successor, $4 valid for, in seconds, $5 whether
-- staff may work from where it comes, $6 how long a spent token stays good, in seconds.
UPDATE refresh_tokens
SET token_hash = $3, spent_hash = $2, spent_at = CASE WHEN token_hash = $2 THEN now() ELSE spent_at END,
    expires_at = now() + make_interval(secs => $4)
FROM accounts
WHERE family = $1 AND (token_hash = $2 OR spent_hash = $2 AND spent_at > now() - make_interval(secs => $6))
  AND expires_at > now() AND reused_at IS NULL AND accounts.id = account_id
  AND ($5 OR accounts.role <> 'staff')
RETURNING accounts.id, accounts.role

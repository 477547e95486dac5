-- Another than the good token of a family came: it was used before, so somebody has it who should not. $1 hash of the
-- family's shared part, $2 of the token. Answers a row when the family has ended because of such, now or before.
UPDATE refresh_tokens SET reused_at = coalesce(reused_at, now())
WHERE family = $1 AND (token_hash <> $2 OR reused_at IS NOT NULL) AND expires_at > now()
RETURNING reused_at

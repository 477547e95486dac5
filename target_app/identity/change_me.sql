-- $1 account, $2 name, $3 locale, $4 specialty, $5 price in cents; what is null stays as it is. The account is in one
-- of the three tables.
WITH patient AS (
    UPDATE patients SET name = coalesce($2, name), locale = coalesce($3, locale)
    WHERE id = $1 AND removed_at IS NULL
), doctor AS (
    UPDATE doctors SET
        name = coalesce($2, name), locale = coalesce($3, locale),
        specialty = coalesce($4, specialty), price_cents = coalesce($5, price_cents)
    WHERE id = $1
)
UPDATE staff SET name = coalesce($2, name), locale = coalesce($3, locale) WHERE id = $1

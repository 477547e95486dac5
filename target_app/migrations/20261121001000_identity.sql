-- migrate:up

ALTER TABLE accounts ADD COLUMN sign_up_key text;    -- Idempotency-Key of the sign-up

-- A patient who asked for it is removed: who they were is gone, what they paid for stays.
ALTER TABLE patients
    ALTER COLUMN cpf DROP NOT NULL,
    ADD COLUMN removed_at timestamptz,
    ADD CONSTRAINT nobody_or_a_cpf CHECK ((cpf IS NULL) = (removed_at IS NOT NULL));

-- One row per signed-in session (a family of refresh tokens, each the successor of the former). A token is two random
-- parts: one that the whole family shares, and one that is good once. Neither is stored, only what they hash to.
CREATE TABLE refresh_tokens (
    family     bytea PRIMARY KEY,            -- SHA-256 of the shared part
    account_id uuid NOT NULL REFERENCES accounts,
    token_hash bytea NOT NULL,               -- SHA-256 of the one token that is good now
    spent_hash bytea,                        -- and of the one before it,
    spent_at   timestamptz,                  -- which stays good for a moment: the answer may have been lost on its way
    expires_at timestamptz NOT NULL,
    reused_at  timestamptz                   -- when a token came a second time; none of the family is good since
);
CREATE INDEX refresh_tokens_by_account ON refresh_tokens (account_id);

-- Who an external issuer's subject is here. One subject per account and issuer: an e-mail address that the issuer
-- gave to somebody else later does not open the account.
CREATE TABLE external_identities (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts,
    linked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    CONSTRAINT one_subject_per_account UNIQUE (account_id, issuer)
);

-- migrate:down

DROP TABLE external_identities, refresh_tokens;
ALTER TABLE patients DROP CONSTRAINT nobody_or_a_cpf;
UPDATE patients SET cpf = lpad(number::text, 11, '0')    -- unlike each other, and nobody's
FROM (SELECT id, 100 * row_number() OVER () AS number FROM patients WHERE cpf IS NULL) AS removed
WHERE patients.id = removed.id;
ALTER TABLE patients DROP COLUMN removed_at, ALTER COLUMN cpf SET NOT NULL;
ALTER TABLE accounts DROP COLUMN sign_up_key;

-- Gives an upload back because the store was away: this was no attempt. $1 record, $2 the attempt, $3 for how many
-- seconds nobody need try.
UPDATE records SET claimed_until = now() + make_interval(secs => $3), attempts = attempts - 1
WHERE id = $1 AND attempts = $2 AND state = 'checking'

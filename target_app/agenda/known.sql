-- Whether there is such a slot of a doctor whom the actor may act for. $1 actor, $2 slot.
SELECT EXISTS (SELECT FROM slots WHERE id = $2 AND acts_for($1, doctor_id))

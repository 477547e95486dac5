-- One appointment with its people's names. $1 appointment, $2 who asks; no row when it is not theirs.
SELECT * FROM named_appointments WHERE id = $1 AND (patient_id = $2 OR acts_for($2, doctor_id))

-- In whose waiting lists a patient is, in order of joining. $1 patient. Uses waiting_list_in_order.
SELECT
    mine.doctor_id, doctors.name AS doctor_name,
    (SELECT count(*) FROM waiting_list AS ahead
     WHERE ahead.doctor_id = mine.doctor_id
       AND (ahead.joined_at, ahead.patient_id) <= (mine.joined_at, mine.patient_id)) AS position
FROM waiting_list AS mine
JOIN doctors ON doctors.id = mine.doctor_id
WHERE mine.patient_id = $1
ORDER BY mine.joined_at

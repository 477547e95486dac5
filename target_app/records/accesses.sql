-- Who looked at what of a patient's, newest first. $1 patient, $2 the id to start before or null, $3 how many.
SELECT
    access.id, access.at, access.action, access.reader_id,
    coalesce(doctors.name, patients.name, '') AS reader_name,
    access.record_id, nullif(records.name, '') AS record_name
FROM record_accesses AS access
LEFT JOIN doctors ON doctors.id = access.reader_id
LEFT JOIN patients ON patients.id = access.reader_id
LEFT JOIN records ON records.id = access.record_id
WHERE access.patient_id = $1 AND ($2::uuid IS NULL OR access.id < $2)
ORDER BY access.id DESC
LIMIT $3

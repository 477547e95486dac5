-- Each specialty that a doctor has: one look into doctors_by_specialty for each, however many doctors there are.
WITH RECURSIVE known (specialty) AS (
    SELECT min(specialty) FROM doctors
    UNION ALL
    SELECT (SELECT min(doctors.specialty) FROM doctors WHERE doctors.specialty > known.specialty)
    FROM known
    WHERE known.specialty IS NOT NULL
)
SELECT specialty FROM known WHERE specialty IS NOT NULL ORDER BY specialty

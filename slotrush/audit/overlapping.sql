INSERT INTO checked
SELECT 'overlapping', (SELECT count(*) FROM stored_slots) + (SELECT count(*) FROM stored_appointments);

-- One case for each row that starts before all earlier ones of the same person have ended.
INSERT INTO findings
SELECT 'overlapping',
       printf('%s %s: %s %s (%d to %d µs) starts before %s has ended', role, whose, kind, id, starts_us, ends_us,
              (SELECT printf('%s %s (%d to %d µs)', other.kind, other.id, other.starts_us, other.ends_us)
               FROM times AS other
               WHERE other.role = later.role AND other.whose = later.whose AND other.id <> later.id
                 AND other.starts_us <= later.starts_us AND other.ends_us > later.starts_us
               ORDER BY other.starts_us LIMIT 1))
FROM (SELECT *, max(ends_us) OVER (PARTITION BY role, whose ORDER BY starts_us, id
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until_us
      FROM times) AS later
WHERE busy_until_us > starts_us
ORDER BY role, whose, starts_us, id;

-- What does not hold its slot any more is history: the slot may be gone since, or at another time.
INSERT INTO findings
SELECT 'overlapping',
       CASE WHEN slots.id IS NULL
       THEN printf('appointment %s of patient %s is on slot %s, which is not stored', held.id, patient, slot)
       ELSE printf('appointment %s (doctor %s, %d to %d µs) differs from its slot %s (doctor %s, %d to %d µs)',
                   held.id, held.doctor, held.starts_us, held.ends_us,
                   slots.id, slots.doctor, slots.starts_us, slots.ends_us) END
FROM stored_appointments AS held LEFT JOIN stored_slots AS slots ON slots.id = held.slot
WHERE held.state IN ('offered', 'requested', 'accepted', 'completed', 'no_show')
  AND (slots.id IS NULL
       OR (slots.doctor, slots.starts_us, slots.ends_us) <> (held.doctor, held.starts_us, held.ends_us))
ORDER BY held.id;

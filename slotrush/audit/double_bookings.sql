INSERT INTO checked SELECT 'double_bookings', count(*) FROM stored_slots;

INSERT INTO findings
SELECT 'double_bookings',
       printf('slot %s is held by %d appointments: %s', slot, count(*),
              group_concat(printf('%s (%s, patient %s, key %s)', id, state, patient, key), ' and '))
FROM (SELECT * FROM stored_appointments
      WHERE state IN ('offered', 'requested', 'accepted', 'completed', 'no_show') ORDER BY slot, id)
GROUP BY slot HAVING count(*) > 1
ORDER BY slot;

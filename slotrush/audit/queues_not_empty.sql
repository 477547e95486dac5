INSERT INTO checked SELECT 'queues_not_empty', count(*) FROM queue_depths;

INSERT INTO findings
SELECT 'queues_not_empty', printf('%s: %d left', queue, depth) FROM queue_depths WHERE depth <> 0
ORDER BY queue;

INSERT INTO findings
SELECT 'queues_not_empty', printf('%s: its depth was not read', column1)
FROM (VALUES ('outbox'), ('stream'), ('dead letters'))
WHERE column1 NOT IN (SELECT queue FROM queue_depths);

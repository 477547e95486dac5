-- Files that were announced and never came. Uses records_never_uploaded.
DELETE FROM records WHERE state = 'awaiting' AND created_at < now() - interval '1 day'

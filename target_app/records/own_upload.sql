-- What its uploader needs to finish an upload. $1 record, $2 uploader.
SELECT * FROM records WHERE id = $1 AND uploaded_by = $2 AND state <> 'deleted'

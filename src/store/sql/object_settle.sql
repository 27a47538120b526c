-- Objects that a job was to make or change, and that it left unfinished.
UPDATE objects SET state = 'ERRED', error_message = $2, modified_at = $3
WHERE job = $1 AND state NOT IN ('OK', 'ERRED')

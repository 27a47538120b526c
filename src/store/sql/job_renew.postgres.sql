-- A row that is being ended or kept just now needs no renewal: waiting for it could be mutual. The state is compared so that
-- jobs are found by their ids, as where they are ended.
UPDATE jobs SET lease_until = $3
WHERE id IN (
    SELECT id FROM jobs WHERE id = ANY ($1) AND COALESCE(state, '') = 'running' AND lease_owner = $2 FOR UPDATE SKIP LOCKED
)
RETURNING id, cancel_asked_at

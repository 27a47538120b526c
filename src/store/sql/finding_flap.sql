UPDATE findings SET flapping = $2 WHERE id = $1

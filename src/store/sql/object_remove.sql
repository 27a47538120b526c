DELETE FROM objects WHERE uuid = $1

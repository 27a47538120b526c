DELETE FROM announcements WHERE id = $1

"""A start without rows: what is known and published of a table, and rows made of that."""

"""What a table is: columns, their values, rows in and out."""

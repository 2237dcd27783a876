"""Rows in partitions: values that are unique over all of them, folders of files, engines."""

"""Rows of rare classes or ranges, added to a table: ``augmented``, and an over-sampler."""

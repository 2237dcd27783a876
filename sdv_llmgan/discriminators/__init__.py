"""Judges of synthetic rows behind one small interface."""

"""Samplers: where rows come from after the fit."""

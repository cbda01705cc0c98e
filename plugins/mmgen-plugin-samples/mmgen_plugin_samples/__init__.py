"""Grids of generated values while a model trains."""

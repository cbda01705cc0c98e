"""Readers of published files that several datasets share; each is imported by the plugins that need it, and by nothing in the core."""

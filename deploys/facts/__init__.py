"""Typed facts: one question to a machine, one shell command, parsed into a value."""

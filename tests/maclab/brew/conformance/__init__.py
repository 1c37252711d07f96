"""Replays recordings of the real Homebrew against the simulated one, and counts what agrees."""

"""A simulated Mac: macOS commands with the texts, streams and exit codes of the real ones."""

"""A simulated Homebrew: its state in the real file layout, its words held to recordings."""

#!/usr/bin/env python3
"""The front door: goes on inside a private environment, which the first start builds.

This file is read by any Python, however old, so that each can say what it lacks.
"""

import os
import sys

if sys.version_info < (3, 8):
    sys.exit(
        "bootstrap.py: this is Python %d.%d; 3.8 or newer is needed. Start it with a newer one, or "
        "run ./bootstrap.sh, which brings its own." % tuple(sys.version_info[:2])
    )
if os.name != "posix":
    sys.exit("bootstrap.py: runs on macOS and Linux; on Windows, start it inside WSL.")

PROJECT = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, PROJECT)  # `python -I` leaves it out

from bootstrapper.door import enter  # noqa: E402 (Pythons that cannot read it are sent away first)

if __name__ == "__main__":
    enter(PROJECT)

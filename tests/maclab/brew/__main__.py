"""`python -m tests.maclab.brew sources`: every simulated behaviour, and where it was seen."""

from __future__ import annotations

import sys
from importlib import import_module

from .main import COMMANDS
from .sources import listing


def main(arguments: list[str]) -> int:
    if arguments != ["sources"]:
        print("usage: python -m tests.maclab.brew sources", file=sys.stderr)
        return 2
    for module in sorted({target.partition(".")[0] for target in COMMANDS.values()}):
        import_module(f"{__package__}.{module}")
    print(listing())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Starts the benchmark: `python bench/run.py --help`."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)
runpy.run_module("bench.main", run_name="__main__")

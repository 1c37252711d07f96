"""The commands of the simulated Mac: standard library only, one module a family.

`main.py` runs one of them, records it, and lets faults happen; `call.py` is what a command sees.
Each command names its source; `python -m tests.maclab sources` lists them, and what is a guess.
"""

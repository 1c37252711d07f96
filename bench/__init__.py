"""The budgets, measured beside what users would use instead; `python bench/run.py`."""

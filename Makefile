# The commands of the README; each prepares what it needs by itself.

PYTHON ?= python3
VENV = .venv/bin

.PHONY: test faults lint bench docs walk clean prepare

test: prepare .venv/ready  ## everything: units, a real engine, throwaway Debian machines
	$(VENV)/python -m tests.run

faults: prepare .venv/ready  ## each kind of fault at each command; takes hours
	FAULTS=all $(VENV)/pytest -v tests/lab/test_fault_matrix.py tests/debian/test_faults.py tests/unit/test_power_cut.py

lint: .venv/ready
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	shellcheck bootstrap.sh requirements/update .ci/run $$(git ls-files '*.sh')

bench: prepare .venv/ready  ## the budgets, measured beside what users would use instead
	$(VENV)/python bench/run.py

docs: .venv/ready  ## renews what is generated: the README's table of settings
	$(VENV)/python docs/generate.py

walk: prepare .venv/ready  ## renews the README's walk, by running it on a simulated Mac
	WALK=write $(VENV)/pytest tests/lab/test_walk.py

prepare:  ## what the tests want of the system: packages, and an engine that answers
	sh tests/prepare.sh

.venv/ready: requirements/dev.txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	touch $@

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

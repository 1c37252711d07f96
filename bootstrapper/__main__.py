"""`python -m bootstrapper`, inside an environment that has what it needs."""

from bootstrapper.cli import main

main()

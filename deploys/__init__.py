"""What a machine should be like: plain pyinfra deploys, facts and operations.

They run under this project's engine and, unchanged, under the stock `pyinfra` command.
"""

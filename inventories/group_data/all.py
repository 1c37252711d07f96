"""Settings for every machine of the inventories beside this directory.

The README lists them all; a group's own file (`group_data/GROUP.py`), a machine's own data in the
inventory, and `--set KEY=VALUE` win over these, in this order.
"""

blog_port = 4000

"""Every stage in its order, for the stock command: `pyinfra inventories/laptop.py deploys/all.py`.

Under this project's own engine the stages are listed in `bootstrapper/stages.py`, with what each of
them needs; a test keeps the two lists alike.
"""

from deploys.blog import blog
from deploys.command_line_tools import command_line_tools
from deploys.container_engine import container_engine
from deploys.homebrew import homebrew
from deploys.machine import machine
from deploys.ruby import ruby
from deploys.shell import shell

machine()
command_line_tools()
homebrew()
container_engine()
ruby()
shell()
blog()

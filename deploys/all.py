"""Every stage in its order, for the stock command: `pyinfra inventories/laptop.py deploys/all.py`.

Under this project's own engine the stages are listed in `bootstrapper/stages.py`, with what each of
them needs; a test keeps the two lists alike.
"""

from deploys.blog import blog
from deploys.container_engine import container_engine
from deploys.machine import machine
from deploys.ruby import ruby

machine()
container_engine()
ruby()
blog()

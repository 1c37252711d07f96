"""Puts ours in the place of some functions of pyinfra, once a process."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from typing import Any, cast

from gevent.hub import Hub
from pyinfra.api import State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

Evaluate = Callable[[Any, Host, str], None]

_operation = importlib.import_module("pyinfra.api.operation")
_arguments = importlib.import_module("pyinfra.api.arguments")
_raise_if_bad_type = _arguments.raise_if_bad_type


@functools.cache
def embed(evaluate: Evaluate) -> None:
    """Hand each operation to `evaluate` when it is declared; keep pyinfra's log off stderr."""

    def evaluate_where_written(state: State, host: Host, op_hash: str) -> None:
        evaluate(state, _real(host), op_hash)

    _replace(_operation, "execute_immediately", evaluate_where_written)
    _replace(_operation, "solve_operation_consistency", _identify_by_machine)
    _replace(_arguments, "raise_if_bad_type", _check_type)
    # The same for each operation, and worked out anew for each (pyinfra 3.10, api/arguments.py).
    _replace(_arguments, "all_global_arguments", functools.cache(_arguments.all_global_arguments))
    # What is handled where it belongs; the hub would print it as well.
    Hub.NOT_ERROR = (*Hub.NOT_ERROR, PyinfraError, KeyboardInterrupt)
    logger = logging.getLogger("pyinfra")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


def _identify_by_machine(
    _names: set[str], _state: State, host: Host
) -> tuple[tuple[int, ...], str]:
    """pyinfra's API mode identifies an operation by its position, and so merges different ones of
    two machines into one (api/operation.py, solve_operation_consistency)."""
    position = len(host.op_hash_order)
    op_hash = f"{host.name}/{position}"
    host.op_hash_order.append(op_hash)
    return (position,), op_hash


def _check_type(value: object, type_: Any, *told: Any) -> None:
    """Most are plain, an operation's name is one of them; typeguard takes long to import."""
    if not (isinstance(type_, type) and isinstance(value, type_)):
        _raise_if_bad_type(value, type_, *told)


def _real(host: Host) -> Host:
    """The host itself behind pyinfra's context proxy."""
    return cast(Host, host._get_module()) if hasattr(host, "_get_module") else host

"""Modules that others import at their start, and few of their functions use: imported on first use.

The standard library's LazyLoader cannot do it: `from module import name` loads at once.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any


@contextlib.contextmanager
def imported_late(*modules: str) -> Iterator[None]:
    """What is imported in this block gets stand-ins for the functions and classes of `modules`.

    The first call of one imports its module, and puts all that was asked of it in place. One that
    is already imported stays as it is.
    """
    absent = [_StandIn(name) for name in modules if name not in sys.modules]
    sys.modules.update({module.__name__: module for module in absent})
    try:
        yield
    finally:
        for module in absent:
            del sys.modules[module.__name__]


class _StandIn(ModuleType):
    """A module of which nothing is known but its name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        stand_in = self._callable(name)
        setattr(self, name, stand_in)
        return stand_in

    def _callable(self, name: str) -> Callable[..., Any]:
        def first_call(*arguments: Any, **named: Any) -> Any:
            real = importlib.import_module(self.__name__)
            self._make_way_for(real)
            return getattr(real, name)(*arguments, **named)

        return first_call

    def _make_way_for(self, real: ModuleType) -> None:
        given = {value: name for name, value in vars(self).items() if not name.startswith("__")}
        for user in list(sys.modules.values()):
            for key, value in list(vars(user).items()):
                if isinstance(value, FunctionType) and value in given:
                    setattr(user, key, getattr(real, given[value]))

"""Operations: each compares facts with what should be, says what it found, and yields commands."""

from collections.abc import Generator

from pyinfra.api import StringCommand

Commands = Generator[StringCommand, None, None]

"""Commands as the engine runs them, and as people read them."""

from __future__ import annotations

from typing import Any

from pyinfra.api import StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.command import FileUploadCommand, PyinfraCommand
from pyinfra.connectors.util import make_unix_command


def connector_arguments(command: PyinfraCommand, arguments: Any) -> Any:
    """What the connector is told: the operation's arguments, and the command's own over them."""
    options = {k: v for k, v in arguments.items() if k in CONNECTOR_ARGUMENT_KEYS}
    return {**options, **command.connector_arguments}


def shown(command: PyinfraCommand, arguments: Any) -> str:
    """One command as it is shown; secrets are masked."""
    if isinstance(command, FileUploadCommand):
        return f"[upload] {command.src} -> {command.dest}"
    if not isinstance(command, StringCommand):
        return repr(command)
    options = connector_arguments(command, arguments)
    if not any(options.get(key) for key in ("_sudo", "_su_user", "_env", "_chdir")):
        return str(command)
    for key in ("_success_exit_codes", "_timeout", "_get_pty", "_stdin"):
        options.pop(key, None)
    return str(make_unix_command(command, **options))


def uses_sudo(command: PyinfraCommand) -> bool:
    """Whether it runs as root."""
    return isinstance(command, StringCommand) and "sudo -n " in command.get_masked_value()

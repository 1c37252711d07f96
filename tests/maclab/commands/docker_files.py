"""The files of Docker's command line in a user's home, and the sockets of engines."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from .call import LAB, Call, as_json

ENGINE = f"{LAB}/engine.sock"


def home(call: Call) -> str:
    """The user's home as the Mac names it; `Call.home` is where it lies."""
    return str(Path("/") / call.home.relative_to(call.root))


def docker_folder(call: Call) -> Path:
    return call.path(call.env.get("DOCKER_CONFIG") or f"{home(call)}/.docker")


def which(call: Call, name: str) -> Path | None:
    """The executable that PATH leads to."""
    for folder in call.env.get("PATH", "").split(":"):
        file = call.path(folder) / name
        if folder and file.is_file() and os.access(file, os.X_OK):
            return file
    return None


# Sockets


def open_socket(call: Call, path: str) -> None:
    """Let a socket of the Mac lead to the engine, in place of what is there."""
    file = call.path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    close_socket(call, path)
    file.symlink_to(ENGINE)


def close_socket(call: Call, path: str) -> None:
    call.path(path).unlink(missing_ok=True)


def leave_socket(call: Call, path: str) -> None:
    """What lies there when the one that listened is gone without a word."""
    file = call.path(path)
    if file.is_symlink():
        owner = file.parent.stat()
        file.unlink()
        os.mknod(file, stat.S_IFSOCK | 0o600)
        os.chown(file, owner.st_uid, owner.st_gid)


# Configuration and contexts; the layout is docker/cli's, cli/config and cli/context/store


def read_config(call: Call) -> dict[str, Any]:
    file = docker_folder(call) / "config.json"
    told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return told


def change_config(call: Call, **values: str | None) -> None:
    """Set keys, or take out those that are None; the rest of the file stays."""
    file = docker_folder(call) / "config.json"
    told = {"auths": {}} | read_config(call)
    for key, value in values.items():
        if value is None:
            told.pop(key, None)
        else:
            told[key] = value
    file.parent.mkdir(parents=True, exist_ok=True)
    target = file.resolve()
    target.touch(mode=0o600)
    target.write_text(json.dumps(told, indent="\t"))


def create_context(call: Call, name: str, description: str, address: str) -> None:
    """`address` is a socket, or all of another machine's address. Does nothing where a context of
    that name is, as the programs that call this."""
    file = _context(call, name) / "meta.json"
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    host = address if "://" in address else f"unix://{address}"
    endpoint = {"Host": host, "SkipTLSVerify": False}
    told = {
        "Name": name,
        "Metadata": {"Description": description},
        "Endpoints": {"docker": endpoint},
    }
    file.write_text(as_json(told))


def use_context(call: Call, name: str) -> None:
    change_config(call, currentContext=name)


def remove_context(call: Call, name: str) -> None:
    """`docker context rm --force`: the current one is left, too."""
    shutil.rmtree(_context(call, name), ignore_errors=True)
    if read_config(call).get("currentContext") == name:
        change_config(call, currentContext=None)


def _context(call: Call, name: str) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return docker_folder(call) / "contexts" / "meta" / digest

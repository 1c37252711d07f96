"""The disk of a bare Mac, as layers for an overlay: a Debian tree, and over it what makes it a Mac.

Made once below a cache and kept until the recipe changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.debian.tree import debian_tree, one_builder

from .commands import main as commands
from .commands.call import COMMANDS, LAB, Call
from .commands.installer import INSTALLER, write_installer
from .commands.network import Network
from .gate import copy, put_absences, put_gates, write

LAB_PACKAGES = ("original-awk", "libarchive-tools", "zsh", "curl", "procps")
USERS = {"dev": 501, "guest": 502}  # the first user of a Mac is 501, and an administrator
PASSWORD = "apple"

# The lab's own installer is handed out where the real one would be, under the same commit.
INSTALLER_COMMIT = "ca0130bd52235f2fcb2bf23cfdda004bc5d250c1"
INSTALLER_URL = f"https://raw.githubusercontent.com/Homebrew/install/{INSTALLER_COMMIT}/install.sh"
INSTALLER_PIN = f"{INSTALLER_COMMIT}@sha256:{hashlib.sha256(INSTALLER.encode()).hexdigest()}"

_HERE = Path(__file__).resolve().parent
_PYTHON = "/usr/bin/python3.11"  # of the tree's release
_PASSWD = """root:x:0:0:System Administrator:/var/root:/bin/sh
daemon:x:1:1:System Services:/var/root:/usr/bin/false
nobody:x:65534:65534:Unprivileged User:/var/empty:/usr/bin/false
dev:x:501:20:Dev:/Users/dev:/bin/zsh
guest:x:502:20:Guest:/Users/guest:/bin/zsh
"""
_GROUP = """wheel:x:0:
daemon:x:1:
tty:x:4:
staff:x:20:
admin:x:80:root,dev
nogroup:x:65534:
"""
# macOS's own sudo(8): a ticket a terminal, five minutes; its prompt is this one.
_SUDOERS = """Defaults passprompt="Password:", timestamp_timeout=5, !lecture, env_keep += "HOME"
root ALL=(ALL) ALL
%admin ALL=(ALL) ALL
"""
_COLD = """import sys

sys.path.append("/maclab/lib")
from maclab.commands.main import main

sys.exit(main(sys.argv[1], sys.argv[2:]))
"""
_SERVE = """import sys

sys.path.append("/maclab/lib")
from maclab.commands.server import serve

serve()
"""
# Real sudo keeps the tickets; the wrapper only writes down that it was called.
_SUDO = """#!/maclab/real/sh
words=$(printf %s "$*" | tr '\\000-\\037"\\\\' ' ')
printf '{"command": "sudo", "argv": ["%s"], "user": "%s"}\\n' "$words" "$(id -un)" \\
  >>/maclab/record.jsonl
exec /maclab/real/sudo "$@"
"""
_PATH_HELPER = """#!/maclab/real/sh
path=$(cat /etc/paths /etc/paths.d/* 2>/dev/null | tr '\\n' ':' | sed 's/:$//')
IFS=:
for folder in $PATH; do
  case ":$path:" in *":$folder:"*) ;; *) path="$path:$folder" ;; esac
done
echo "PATH=\\"$path\\"; export PATH;"
"""
_ZPROFILE = """if [ -x /usr/libexec/path_helper ]; then
\teval `/usr/libexec/path_helper -s`
fi
"""


def bare_layers(cache: Path) -> tuple[Path, ...]:
    """The layers of a bare Mac, topmost first; made below `cache` if they are not there."""
    tree = debian_tree(cache, LAB_PACKAGES)
    key = _key()
    layer = cache / f"mac-{key}"
    with one_builder(cache):
        if not layer.is_dir():
            aside = cache / "building-mac"
            shutil.rmtree(aside, ignore_errors=True)
            _build(tree, aside)
            aside.rename(layer)
    return layer, tree


def _key() -> str:
    digest = hashlib.sha256()
    for file in sorted(_HERE.rglob("*.*")):
        if file.suffix in (".py", ".json", ".sh", ".c") and "recordings" not in file.parts:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _build(tree: Path, layer: Path) -> None:
    put_gates(tree, layer)
    put_absences(tree, layer)
    _put_users(layer)
    _put_real_programs(tree, layer)
    _put_commands(layer)
    write(layer / "etc/paths", "/usr/local/bin\n/usr/bin\n/bin\n/usr/sbin\n/sbin\n")
    write(layer / "etc/zprofile", _ZPROFILE)
    write(layer / "etc/zsh/zprofile", _ZPROFILE)  # where Debian's zsh looks
    write(layer / "etc/hosts", "127.0.0.1 localhost mac\n")
    write(layer / "etc/hostname", "mac\n")
    write(layer / "usr/libexec/path_helper", _PATH_HELPER, mode=0o755)
    for name in ("en_US.utf8", "UTF-8"):  # a Mac's locales
        (layer / "usr/lib/locale").mkdir(parents=True, exist_ok=True)
        (layer / "usr/lib/locale" / name).symlink_to("C.utf8")
    for folder in ("Applications", "opt", "Library/Apple", "Library/Developer", "Volumes"):
        (layer / folder).mkdir(parents=True, exist_ok=True)
    (layer / "Library/Apple").chmod(0o777)  # Rosetta is installed without sudo
    (layer / "Applications").chmod(0o775)
    os.chown(layer / "Applications", 0, 80)


def _put_users(layer: Path) -> None:
    write(layer / "etc/passwd", _PASSWD)
    write(layer / "etc/group", _GROUP)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True
    ).stdout.strip()
    shadow = "root:*:19000:0:99999:7:::\n"
    shadow += "".join(f"{user}:{hashed}:19000:0:99999:7:::\n" for user in USERS)
    write(layer / "etc/shadow", shadow, mode=0o600)
    write(layer / "etc/sudoers", _SUDOERS, mode=0o440)
    (layer / "var/root").mkdir(parents=True)
    for user, number in USERS.items():
        library = f"Users/{user}/Library"
        support = f"{library}/Application Support"
        for folder in (f"Users/{user}", library, support, f"var/folders/{user}/T"):
            (layer / folder).mkdir(parents=True, mode=0o755)
            os.chown(layer / folder, number, 20)


def _put_real_programs(tree: Path, layer: Path) -> None:
    real = layer / "maclab/real"
    for name in ("git", "curl", "sudo", "dash", "setsid", "setpriv"):
        copy(tree / "usr/bin" / name, real / name)
    (real / "dash").rename(real / "sh")
    docker = shutil.which("docker")
    assert docker, "the lab needs Docker's command line on the host"
    copy(Path(docker), real / "docker")
    write(layer / "usr/bin/sudo", _SUDO, mode=0o755)
    for link, target in {
        "usr/bin/awk": "original-awk",
        "usr/bin/tar": "bsdtar",
        "usr/local/bin/python3": _PYTHON,
        "maclab/python": _PYTHON,
    }.items():
        (layer / link).parent.mkdir(parents=True, exist_ok=True)
        (layer / link).symlink_to(target)


def _put_commands(layer: Path) -> None:
    commands.load_all()
    lab = layer / LAB.lstrip("/")
    ignore = shutil.ignore_patterns("__pycache__", "conformance")
    package = lab / "lib/maclab"
    for part in ("commands", "brew"):
        shutil.copytree(_HERE / part, package / part, ignore=ignore)
    write(package / "__init__.py", "")
    write(lab / "cold", _COLD)
    write(lab / "serve", _SERVE)
    _compile(_HERE / "launch.c", lab / "launch")
    copy(lab / "launch", lab / "bin/run")
    write(lab / "record.jsonl", "", mode=0o666)
    (lab / "state").mkdir()
    (lab / "state").chmod(0o777)
    families = {name: one.function.__module__.rpartition(".")[2] for name, one in COMMANDS.items()}
    write(lab / "families.json", json.dumps(families))
    for name, one in COMMANDS.items():
        if families[name] != "developer_tools":  # those are stubs, not what a formula brings
            write(lab / "templates" / name, f"#!/maclab/launch {name}\n", mode=0o755)
        for path in one.at:
            write(layer / path.lstrip("/"), f"#!/maclab/launch {name}\n", mode=0o755)
    write_installer(lab / "install.sh")
    call = Call("lab", [], root=layer)
    call.save(Network(urls={INSTALLER_URL: f"{LAB}/install.sh"}))
    subprocess.run([_PYTHON, "-m", "compileall", "-q", str(lab / "lib")], check=False)


def _compile(source: Path, program: Path) -> None:
    compiler = shutil.which("gcc")
    assert compiler, "the lab needs a C compiler on the host: apt-get install gcc libc6-dev"
    words = ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source)]
    subprocess.run([compiler, *words], check=True)

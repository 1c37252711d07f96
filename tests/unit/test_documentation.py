"""What the documents say is what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bootstrapper.stages import STAGES
from deploys.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_made_from_the_settings() -> None:
    script = "from generate import README, renewed; text = README.read_text(encoding='utf-8')\n"
    check = f"{script}import sys; sys.exit(text != renewed(text))"
    answer = subprocess.run([sys.executable, "-c", check], cwd=PROJECT / "docs", check=False)
    assert answer.returncode == 0, "run `make docs`"
    for name in Settings.model_fields:
        assert f"| `{name}` |" in README


def test_the_page_of_findings_is_made_from_the_operations() -> None:
    script = "from generate import FINDINGS, findings_page; text = FINDINGS.read_text('utf-8')\n"
    check = f"{script}import sys; sys.exit(text != findings_page())"
    answer = subprocess.run([sys.executable, "-c", check], cwd=PROJECT / "docs", check=False)
    assert answer.returncode == 0, "run `make docs`"
    assert "`tools.missing`" in (PROJECT / "docs" / "findings.md").read_text(encoding="utf-8")


def test_the_stock_command_has_the_stages_of_the_engine_in_the_same_order() -> None:
    text = (PROJECT / "deploys" / "all.py").read_text()
    assert re.findall(r"^(\w+)\(\)$", text, re.MULTILINE) == [stage.name for stage in STAGES]


def test_files_that_documents_point_to_exist() -> None:
    for document in (PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_registry_host_is_named_anywhere() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "rubygems" + ".org", "deb.debian" + ".org"]
    hosts += ["registry.npmjs" + ".org", "docker" + ".io/", "quay" + ".io"]
    found = []
    for name in filter(None, listing.stdout.split("\0")):
        path = PROJECT / name
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            found += [f"{name}: {host}" for host in hosts if host in text]
    assert found == []

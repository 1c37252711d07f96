"""What an upgrade breaks on a real Debian machine: found by name, mended, and no more than that."""

from __future__ import annotations

import json

import pytest

from deploys.operations.engine_upkeep import STOP
from tests.debian.job import URL, bootstrap, changed, docker, record, run
from tests.debian.machine import DebianMachine
from tests.debian.upgrades import OLDER_DAEMON

pytestmark = pytest.mark.debian

_GEM = """
set -e
mkdir /tmp/gem && cd /tmp/gem && mkdir bin
echo 'puts "jekyll 3.9.0"' >bin/jekyll && chmod +x bin/jekyll
cat >jekyll.gemspec <<END
Gem::Specification.new do |s|
  s.name = "jekyll"
  s.version = "3.9.0"
  s.summary = s.author = "x"
  s.files = ["bin/jekyll"]
  s.executables = ["jekyll"]
end
END
gem build --quiet jekyll.gemspec
gem install --quiet --local --no-document jekyll-3.9.0.gem
sed -i '1s,ruby[0-9.]*$,ruby2.7,' /usr/local/bin/jekyll
"""


def codes(machine: DebianMachine) -> set[str]:
    """What `doctor` finds."""
    told = bootstrap(machine, "doctor", "--json")
    assert told.returncode in (0, 2), told.stdout + told.stderr
    (one,) = json.loads(told.stdout)["machines"]
    return {finding["code"] for finding in one["findings"]}


def as_root(machine: DebianMachine, script: str) -> str:
    return machine.run(["sh", "-c", script]).stdout


def test_a_daemon_that_was_upgraded_under_its_container_is_restarted(
    proved: DebianMachine,
) -> None:
    before = codes(proved)
    as_root(proved, STOP)
    as_root(proved, OLDER_DAEMON)
    older = docker(proved, "version", "--format", "{{.Server.Version}}")
    run(proved, "--only", "blog")  # its container runs again, in the older daemon
    assert codes(proved) - before == {"engine.outdated"}
    run(proved)
    assert "container_engine" in changed(record(proved))
    assert docker(proved, "version", "--format", "{{.Server.Version}}") != older
    assert proved.get(f"{URL}/").status_code == 200
    assert "engine.outdated" not in codes(proved)
    run(proved)
    assert changed(record(proved)) == []


def test_a_package_source_that_is_gone_keeps_nothing_from_being_installed(
    proved: DebianMachine,
) -> None:
    source = "deb [trusted=yes] file:///nowhere oldstable main"
    as_root(proved, f"echo '{source}' >/etc/apt/sources.list.d/gone.list")
    as_root(proved, "apt-get -q remove -y jekyll")
    assert codes(proved) == {"debian.packages-missing"}
    plan = bootstrap(proved, "plan").stdout
    assert " update || echo " in plan  # the sources are newer than the lists
    run(proved)
    assert changed(record(proved)) == ["ruby"]
    assert as_root(proved, "command -v jekyll") == "/usr/bin/jekyll\n"


def test_a_program_of_a_ruby_that_is_gone_is_named_and_left_alone(
    proved: DebianMachine,
) -> None:
    before = codes(proved)
    as_root(proved, _GEM)
    hidden = proved.run(["bash", "-c", "jekyll --version"], check=False)
    assert hidden.returncode in (126, 127), hidden.stdout
    assert codes(proved) - before == {"ruby.program-without-ruby"}
    run(proved)
    assert changed(record(proved)) == []
    as_root(proved, "rm /usr/local/bin/jekyll")  # as the finding says
    assert codes(proved) == before

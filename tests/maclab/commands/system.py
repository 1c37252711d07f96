"""What kind of Mac it is: sw_vers, uname, arch, sysctl, system_profiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .call import Call, Section, command


@dataclass
class System(Section):
    """The operating system and the hardware. `rosetta_shell`: this shell is translated.

    `virtualization` is kern.hv_support; None where the key is unknown. `memory` is in bytes.
    """

    KEY: ClassVar[str] = "system"

    version: str = "27.0.1"
    build: str = "26A434"
    kernel: str = "27.0.0"
    arch: str = "arm64"
    chip: str = "Apple M3"
    rosetta_shell: bool = False
    rosetta_installed: bool = False
    virtualization: int | None = 1
    memory: int = 17179869184
    processors: int = 8

    @property
    def process_arch(self) -> str:
        """What a program of this shell runs as."""
        return "x86_64" if self.rosetta_shell else self.arch


@command("sw_vers", "/usr/bin/sw_vers", source="facts macos 1.2, captures of 26.6 and 27.0")
def sw_vers(call: Call) -> int:
    system = call.state(System)
    fields = {
        "ProductName": "macOS",
        "ProductVersion": system.version,
        "BuildVersion": system.build,
    }
    wanted = {f"--{name}".lower(): value for name, value in fields.items()}
    wanted |= {f"-{name}".lower(): value for name, value in fields.items()}
    if call.argv:
        call.out(wanted[call.argv[0].lower()])
    else:
        for name, value in fields.items():
            call.out(f"{name}:\t\t{value}")
    return 0


@command(
    "uname",
    "/usr/bin/uname",
    source="facts macos 1.3, captures of 26.6 and 27.0",
    guesses=("-n and -v print made-up values",),
)
def uname(call: Call) -> int:
    system = call.state(System)
    values = {
        "s": "Darwin",
        "n": "mac.local",
        "r": system.kernel,
        "v": f"Darwin Kernel Version {system.kernel}",
        "m": system.process_arch,
        "p": "arm" if system.process_arch == "arm64" else "i386",
    }
    asked = "".join(word.lstrip("-") for word in call.argv) or "s"
    asked = "snrvm" if "a" in asked else asked
    unknown = [letter for letter in asked if letter not in values]
    if unknown:
        return call.fails(f"uname: illegal option -- {unknown[0]}\nusage: uname [-amnoprsv]")
    call.out(" ".join(values[letter] for letter in "snrvmp" if letter in asked))
    return 0


@command(
    "arch",
    "/usr/bin/arch",
    source="facts macos 1.4 and 4: i386 on Intel; -x86_64 needs Rosetta",
    guesses=("prints arm64 on Apple Silicon, i386 in a Rosetta shell",),
)
def arch(call: Call) -> int:
    system = call.state(System)
    if not call.argv:
        call.out("arm64" if system.process_arch == "arm64" else "i386")
        return 0
    if call.argv[0] == "-x86_64" and system.arch == "arm64" and not system.rosetta_installed:
        return call.fails(f"arch: posix_spawnp: {call.argv[1]}: Bad CPU type in executable")
    return 0


@command("sysctl", "/usr/sbin/sysctl", source="facts macos 1.4, transcript of an Intel Mac")
def sysctl(call: Call) -> int:
    system = call.state(System)
    silicon = system.arch == "arm64"
    values: dict[str, object] = {
        "hw.memsize": system.memory,
        "hw.ncpu": system.processors,
        "machdep.cpu.brand_string": system.chip,
        "kern.hv_vmm_present": 0,
    }
    if silicon:
        values["hw.optional.arm64"] = 1
        values["sysctl.proc_translated"] = int(system.rosetta_shell)
    if system.virtualization is not None:
        values["kern.hv_support"] = system.virtualization
    plain = "-n" in call.argv or "-in" in call.argv
    code = 0
    for name in (word for word in call.argv if not word.startswith("-")):
        if name in values:
            call.out(str(values[name]) if plain else f"{name}: {values[name]}")
        else:
            call.err(f"sysctl: unknown oid '{name}'")
            code = 1
    return code


@command(
    "system_profiler",
    "/usr/sbin/system_profiler",
    source="facts macos 1.5, capture of an M2 on macOS 14",
    guesses=("only SPHardwareDataType, only -json",),
)
def system_profiler(call: Call) -> int:
    system = call.state(System)
    size = system.memory // 1024**3
    call.out(
        f"""{{
  "SPHardwareDataType" : [
    {{
      "_name" : "hardware_overview",
      "chip_type" : "{system.chip}",
      "machine_model" : "Mac14,7",
      "machine_name" : "MacBook Pro",
      "number_processors" : "proc {system.processors}:4:4",
      "physical_memory" : "{size} GB"
    }}
  ]
}}"""
    )
    return 0

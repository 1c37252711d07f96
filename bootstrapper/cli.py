"""The command line: commands, options, exit codes. The work itself is in `runs.py`.

Nothing heavy is imported before a command runs, so that `--help` and completions are instant.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from bootstrapper.options import Options, PreviewOptions
from bootstrapper.stages import PROOF, STAGES

PROGRAM = "bootstrap.py"
INTERRUPTED = 130

Command = TypeVar("Command", bound=Callable[..., Any])

_NOT_LOCKED = ("update", "undo", "verify", "preview")
_STAGE_NAMES = [stage.name for stage in (*STAGES, PROOF)]


def options(command: Command) -> Command:
    """The options that every command takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = [
    click.option(
        "--inventory",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Machines and their settings; inventories/laptop.py if not given.",
    ),
    click.option("--limit", multiple=True, metavar="NAME", help="Only these machines or groups."),
    click.option(
        "--blog", metavar="PATH|URL", help="The Jekyll site: a directory, or URL#branch:subfolder."
    ),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting for this run."
    ),
    click.option(
        "--without",
        multiple=True,
        metavar="PLUGIN",
        help="Build the site without this plugin; to keep that, set without_plugins.",
    ),
    click.option(
        "--only", multiple=True, type=click.Choice(_STAGE_NAMES), help="Only these stages."
    ),
    click.option("--yes", is_flag=True, help="Do not ask before changing anything."),
    click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON."),
    click.option("--verbose", is_flag=True, help="Show each command and its output."),
]


_locked = click.option(
    "--locked", is_flag=True, help="Refuse to differ from bootstrap.lock beside the inventory."
)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@options
@_locked
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> None:
    """Prepare this machine for containers, serve the blog from one, and prove it.

    Without a command: show what is to be done, ask once, do it, prove it. Run it again at any
    time; what is as it should be is left alone.
    """
    context.obj = given
    if context.invoked_subcommand is None:
        context.exit(_runs().apply(_merged(context, {})))


@cli.command()
@options
@_locked
@click.pass_context
def plan(context: click.Context, /, **given: Any) -> None:
    """Show what would change, why, and the exact commands; change nothing.

    Exit code: 0 nothing to do, 2 there are changes, 1 could not tell.
    """
    context.exit(_runs().plan(_merged(context, given)))


@cli.command()
@options
@_locked
@click.pass_context
def doctor(context: click.Context, /, **given: Any) -> None:
    """Say what is broken, since when, and what mends it; change nothing, ask for no password.

    Exit code: 0 healthy, 2 there are findings, 1 could not check.
    """
    context.exit(_runs().doctor(_merged(context, given)))


@cli.command()
@options
@click.option(
    "--against",
    metavar="URL",
    help="Also see that every page of this old site answers; --limit N: so many pages a run.",
)
@click.pass_context
def verify(context: click.Context, /, **given: Any) -> None:
    """Prove that the blog served is the blog built; change nothing.

    Exit code: 0 proved, 2 it differs or pages of the old site would be lost, 1 could not check.
    """
    context.exit(_runs().verify(_with_pages(_merged(context, given))))


@cli.command()
@options
@click.pass_context
def update(context: click.Context, /, **given: Any) -> None:
    """Renew bootstrap.lock beside the inventory, and show what is another.

    A run that asks for newer base images, and takes other versions as they are here; what is
    proved then is written down. A team keeps that file in its repository, and runs with --locked.
    """
    wanted = _merged(context, given)
    if wanted.only:
        raise click.UsageError("--only does not go with update, which locks a whole machine.")
    context.exit(_runs().update(wanted))


@cli.command()
@click.option("--plan", is_flag=True, help="Only show what would be taken back, and how.")
@click.option(
    "--all", "everything", is_flag=True, help="Also what is kept by default: tools, caches."
)
@options
@click.pass_context
def undo(context: click.Context, /, **given: Any) -> None:
    """Take back what this tool has changed, newest first, and only that.

    What it would do is shown first. What you have changed since, or use by now, is kept and said.
    """
    wanted = _merged(context, given)
    if wanted.only:
        raise click.UsageError("--only does not go with undo, which goes by the journal.")
    context.exit(_runs().undo(wanted))


@cli.command()
@options
@click.option(
    "--port", type=click.IntRange(1024, 65535), help="The port on 127.0.0.1; blog_port + 1."
)
@click.option("--drafts", is_flag=True, help="Show what is in _drafts too.")
@click.option("--future", is_flag=True, help="Show posts with a date in the future too.")
@click.option("--open", "in_browser", is_flag=True, help="Open the preview in the browser.")
@click.pass_context
def preview(
    context: click.Context,
    /,
    port: int | None,
    drafts: bool,
    future: bool,
    in_browser: bool,
    **given: Any,
) -> None:
    """Show the blog while you write; what you save is there a moment later, in the browser too.

    The site's folder is read, and never written to. Ctrl-C ends it, and leaves nothing behind.

    Exit code: 130 ended with Ctrl-C, 1 there is no preview.
    """
    asked = _merged(context, given)
    if asked.as_json or asked.only:
        raise click.UsageError(f"preview has no {'--json' if asked.as_json else '--only'}")
    context.exit(_runs().preview(asked, PreviewOptions(port, drafts, future, in_browser)))


@cli.command()
@click.argument("shell", type=click.Choice(["zsh", "bash"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands and options.

    \b
    ./bootstrap.py completion zsh > ~/.bootstrap-completion
    and in ~/.zshrc or ~/.bashrc: source ~/.bootstrap-completion
    """
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None  # both shells above are click's own
    click.echo(completer(cli, {}, PROGRAM, "_BOOTSTRAP_PY_COMPLETE").source())


def main() -> None:
    """Run the command line and exit with its code; a traceback never reaches the user."""
    try:
        code = cli.main(prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"{PROGRAM}: {error.format_message()} (see {PROGRAM} --help)", err=True)
        code = 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped; nothing was changed.", err=True)
        code = INTERRUPTED
    sys.exit(code)


def _runs() -> ModuleType:
    """What the commands start; imported late, and without a search for garbage: there is none."""
    gc.disable()
    from bootstrapper.processes import make_way_for_greenlets

    make_way_for_greenlets()
    from bootstrapper import runs

    gc.freeze()
    gc.enable()
    return runs


def _with_pages(options: Options) -> Options:
    """With an old site to compare with, a number given to `--limit` counts pages."""
    numbers = [name for name in options.limit if re.fullmatch("[0-9]{1,9}", name)]
    if options.against is None or not numbers:
        return options
    pages = int(numbers[-1])
    if not pages:
        raise click.BadParameter("0 pages: give at least 1.", param_hint="--limit")
    names = tuple(name for name in options.limit if name not in numbers)
    return replace(options, limit=names, pages=pages)


def _merged(context: click.Context, given: dict[str, Any]) -> Options:
    """Options before the command and after it; a repeatable one collects both."""
    merged: dict[str, Any] = {}
    for source in (context.obj, given):
        for key, value in source.items():
            if isinstance(value, tuple):
                merged[key] = merged.get(key, ()) + value
            elif value not in (None, False):
                merged[key] = value
    without = merged.pop("without")
    merged["settings"] += (f"without_plugins={','.join(without)}",) if without else ()
    if merged.get("locked") and context.info_name in _NOT_LOCKED:
        raise click.UsageError(f"--locked does not go with {context.info_name}.")
    merged["limit"] = tuple(name for text in merged["limit"] for name in text.split(",") if name)
    return Options(**merged)

"""What a user wants of Homebrew, and the Brewfile that says so: a parser of its common subset.

A Brewfile is Ruby. Here it is read and never run: what is more than a list is refused, with its
line. Words and options are those of Homebrew's manual, `brew bundle`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, TypeAlias, TypeVar, cast

Value: TypeAlias = "str | bool | list[Value] | dict[str, Value] | None"

# Kinds of `brew bundle` that are not Homebrew's own packages; other tools have them.
LEFT_ALONE = ("mas", "vscode", "whalebrew", "go", "cargo", "uv", "npm", "flatpak")
_CONSTANTS = {"true": True, "false": False, "nil": None}
_OURS = ("tap", "brew", "cask", "cask_args")
_HEEDED = {
    "tap": ("trusted",),
    "brew": ("args", "link", "trusted"),
    "cask": ("args", "trusted", "greedy"),
}

_TAP = re.compile(r"[\w-]+/[\w.-]+")
_NAME = re.compile(r"([\w-]+/[\w.-]+/)?[\w+.@-]+")
_OPTION = re.compile(r"[A-Za-z0-9][\w.+-]*")

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\#[^\n]*|\\\n)
    |(?P<newline>\n)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<label>[A-Za-z_]\w*:(?!:))
    |(?P<symbol>:[A-Za-z_]\w*)
    |(?P<arrow>=>)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\d+)
    |(?P<mark>[][{},()])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Tap:
    """A tap to have; `url` where it is not GitHub's `user/homebrew-name`."""

    name: str
    url: str = ""
    trusted: bool = True
    source: str = "the settings"


@dataclass(frozen=True)
class Formula:
    """A formula to have; `args` are options of `brew install`, `link` false where it stays off."""

    name: str
    args: tuple[str, ...] = ()
    link: bool = True
    source: str = "the settings"


@dataclass(frozen=True)
class Cask:
    """A cask to have; `args` are options of `brew install --cask`."""

    name: str
    args: tuple[str, ...] = ()
    source: str = "the settings"


@dataclass(frozen=True)
class Wishes:
    """What to have, each once; `ignored` are entries and options that are left to other tools."""

    taps: tuple[Tap, ...] = ()
    formulae: tuple[Formula, ...] = ()
    casks: tuple[Cask, ...] = ()
    ignored: tuple[str, ...] = ()

    def with_those_of(self, other: Wishes) -> Wishes:
        """Both together; of two wishes for one name, the first counts."""
        return Wishes(
            _once((*self.taps, *other.taps)),
            _once((*self.formulae, *other.formulae)),
            _once((*self.casks, *other.casks)),
            self.ignored + other.ignored,
        )


class BrewfileError(ValueError):
    """A line that is not read here; the message says what it is and what to write."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


@dataclass
class _Entry:
    kind: str
    line: int
    names: list[Value] = field(default_factory=list)
    options: dict[str, Value] = field(default_factory=dict)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse(text: str, source: str, home: str = "~") -> Wishes:
    """The wishes that a Brewfile states; `home` is what `~` in `appdir` stands for.

    Raises:
        BrewfileError: something in it is more than a list of entries.
    """
    taps: list[Tap] = []
    formulae: list[Formula] = []
    casks: list[Cask] = []
    ignored: list[str] = []
    for_all_casks: dict[str, Value] = {}
    for entry in _entries(text):
        if entry.kind == "cask_args":
            for_all_casks.update(entry.options)
            continue
        name = _name(entry)
        ignored += _left_out(entry, name)
        if entry.kind == "tap":
            url = cast(str, entry.names[1]) if len(entry.names) > 1 else ""
            taps.append(Tap(name.lower(), url, entry.options.get("trusted") is True, source))
        elif entry.kind == "brew":
            linked = entry.options.get("link") is not False
            formulae.append(Formula(name, _formula_args(entry), linked, source))
        elif entry.kind == "cask":
            casks.append(Cask(name, _cask_args(entry, for_all_casks, home), source))
    found = Wishes(tuple(taps), tuple(formulae), tuple(casks), tuple(ignored))
    return Wishes().with_those_of(found)


def _entries(text: str) -> list[_Entry]:
    try:
        return list(_Reader(text).entries())
    except RecursionError:
        raise BrewfileError(1, "its lists are too deep.") from None


_Wish = TypeVar("_Wish", Tap, Formula, Cask)


def _once(wishes: Iterable[_Wish]) -> tuple[_Wish, ...]:
    found: dict[str, _Wish] = {}
    for wish in wishes:
        found.setdefault(wish.name, wish)
    return tuple(found.values())


class _Reader:
    """Tokens in, entries out."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def entries(self) -> Iterator[_Entry]:
        """Each statement of the file."""
        while True:
            self._skip_newlines()
            token = self._next()
            if token.kind == "end":
                return
            yield self._entry(token)

    def _entry(self, first: _Token) -> _Entry:
        if first.kind != "word" or first.text not in (*_OURS, *LEFT_ALONE):
            _refuse_ruby(first)
        entry = _Entry(first.text, first.line)
        bracketed = self._take("(")
        more = bracketed or self._peek().kind not in ("newline", "end")
        while more:
            self._argument(entry)
            more = self._take(",")
            if more:
                self._skip_newlines()
        if bracketed and not self._take(")"):
            _refuse_ruby(self._peek())
        last = self._peek()
        if last.kind not in ("newline", "end"):
            _refuse_ruby(last)
        return entry

    def _argument(self, entry: _Entry) -> None:
        if self._peek().kind == "label":
            key = self._next().text[:-1]
            self._skip_newlines()
            entry.options[key] = self._value()
        else:
            entry.names.append(self._value())

    def _value(self) -> Value:
        token = self._next()
        if token.text == "[":
            return self._list()
        if token.text == "{":
            return self._dictionary()
        if token.kind == "string":
            return _unquoted(token)
        if token.kind in ("symbol", "number"):
            return token.text.lstrip(":")
        if token.text not in _CONSTANTS:
            _refuse_ruby(token)
        return _CONSTANTS[token.text]

    def _list(self) -> list[Value]:
        values: list[Value] = []
        self._skip_newlines()
        while not self._take("]"):
            values.append(self._value())
            self._between("]")
        return values

    def _dictionary(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        self._skip_newlines()
        while not self._take("}"):
            key = self._next()
            if key.kind == "label":
                name = key.text[:-1]
            elif key.kind in ("string", "symbol") and self._take("=>"):
                name = _unquoted(key) if key.kind == "string" else key.text[1:]
            else:
                _refuse_ruby(key)
            values[name] = self._value()
            self._between("}")
        return values

    def _between(self, end: str) -> None:
        self._skip_newlines()
        if not self._take(",") and self._peek().text != end:
            _refuse_ruby(self._peek())
        self._skip_newlines()

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _take(self, text: str) -> bool:
        if self._peek().text != text:
            return False
        self._next()
        return True

    def _skip_newlines(self) -> None:
        while self._peek().kind == "newline":
            self._next()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind != "space":
            yield _Token(kind, match.group(), line)
        line += match.group().count("\n")
    yield _Token("end", "", line)


def _refuse_ruby(token: _Token) -> NoReturn:
    if token.kind in ("end", "newline"):
        raise BrewfileError(token.line, "the entry ends too early.")
    if token.text in ('"', "'"):
        raise BrewfileError(token.line, f"the text that begins with {token.text} has no end.")
    raise BrewfileError(
        token.line, f"{token.text!r} is Ruby that is not read here, only lists of entries are."
    )


def _unquoted(token: _Token) -> str:
    inner = token.text[1:-1]
    if token.text[0] == '"' and re.search(r"(?<!\\)(\\\\)*#[{$@]", inner):
        raise BrewfileError(token.line, f"{token.text} is computed by Ruby, which is not run here.")
    return re.sub(r"\\(.)", r"\1", inner)


def _name(entry: _Entry) -> str:
    """The entry's name; it becomes a word of a command, so it has to look like one."""
    name = entry.names[0] if entry.names else None
    shape = {"tap": _TAP, "brew": _NAME, "cask": _NAME}.get(entry.kind)
    if not isinstance(name, str) or not all(isinstance(more, str) for more in entry.names):
        raise BrewfileError(entry.line, f"{entry.kind} wants a name in quotes.")
    if shape and (not shape.fullmatch(name) or name.startswith("-")):
        raise BrewfileError(entry.line, f"{name!r} is no name of a {entry.kind}.")
    if any(str(more).startswith("-") for more in entry.names[1:]):
        raise BrewfileError(entry.line, f"{entry.names[1]!r} is no address of a tap.")
    if len(entry.names) > (2 if entry.kind == "tap" else 1):
        raise BrewfileError(entry.line, f"{entry.kind} {name!r} has more than one name.")
    return name


def _left_out(entry: _Entry, name: str) -> list[str]:
    if entry.kind in LEFT_ALONE:
        return [f'{entry.kind} "{name}"']
    heeded = _HEEDED[entry.kind]
    options = [key for key in entry.options if key not in heeded]
    return [f'{key} of {entry.kind} "{name}"' for key in options]


def _formula_args(entry: _Entry) -> tuple[str, ...]:
    """`args: ["HEAD"]` is `--HEAD`."""
    told = entry.options.get("args", [])
    if not isinstance(told, list):
        raise BrewfileError(entry.line, "args of brew is a list of texts.")
    return tuple(f"--{_option(entry, one)}" for one in told)


def _cask_args(entry: _Entry, for_all: Mapping[str, Value], home: str) -> tuple[str, ...]:
    """`args: { appdir: "~/Applications" }` is `--appdir=…`; `true` makes a switch."""
    told = entry.options.get("args", {})
    if not isinstance(told, dict):
        raise BrewfileError(entry.line, "args of cask is a list of `name: value` in braces.")
    words = []
    for key, value in {**for_all, **told}.items():
        option = f"--{_option(entry, key).replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, str):
            words.append(f"{option}={re.sub('^~(?=/|$)', home, value)}")
        elif value:
            raise BrewfileError(entry.line, f"{key} has a value that is not read here.")
    return tuple(words)


def _option(entry: _Entry, told: Value) -> str:
    if not isinstance(told, str) or not _OPTION.fullmatch(told):
        raise BrewfileError(entry.line, f"{told!r} is no option of brew.")
    return told

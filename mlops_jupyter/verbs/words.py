"""A command line as words: split by quotes and braces, then `{expr}` evaluated word by word.

IPython's own expansion is all or nothing and silent (``--cost $5 {model}`` became ``--cost 5 churn``), so the
magic switches it off and this is used in its place. ``$`` means nothing here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOTHING: Final = object()
_OPTION = re.compile(r"--[A-Za-z][\w-]*|-[A-Za-z]|--")
_HINT = "write {{ and }} for braces that are meant as such"


@dataclass(frozen=True)
class Word:
    """One word of a command.

    Parameters
    ----------
    text : str
        What it says, without quotes and with every expression evaluated.
    value : object
        The object itself when the word is wholly ``{expr}``.
    source : str
        The Python expression it stands for, when it is one.
    option : bool
        Whether it names an option (``--version``); a quoted word never does.
    attached : bool
        Whether the next word is its value because of an equals sign.
    """

    text: str
    value: Any = NOTHING
    source: str = ""
    option: bool = False
    attached: bool = False


@dataclass(frozen=True)
class Expression:
    """The Python between the braces of a word."""

    source: str


@dataclass(frozen=True)
class RawWord:
    """The pieces of a word before evaluation."""

    pieces: tuple[str | Expression, ...]
    quoted: bool


def read_line(line: str, evaluate: Callable[[str], Any]) -> list[Word]:
    """Return the words of a magic's line.

    Parameters
    ----------
    line : str
        What stands after ``%mlops``.
    evaluate : callable
        Takes the Python source between braces and returns its value.

    Raises
    ------
    UsageError
        If a quote or brace is left open, or an expression fails; the message names it.

    Examples
    --------
    >>> [word.text for word in read_line("deploy --reason 'more rows' --version {v}", {"v": "1.2.0"}.get)]
    ['deploy', '--reason', 'more rows', '--version', '1.2.0']
    """
    return [word for raw in split(line) for word in _words_of(raw, evaluate)]


def read_arguments(arguments: Sequence[str]) -> list[Word]:
    """Return the words of a shell's arguments, which the shell has split and expanded already."""
    never = lambda source: source  # noqa: E731
    return [word for text in arguments for word in _words_of(RawWord((text,), quoted=False), never)]


def split(line: str) -> list[RawWord]:
    """Split a line into words, aware of quotes and braces.

    Examples
    --------
    >>> split("a{x + 1} 'b c'")[1]
    RawWord(pieces=('b c',), quoted=True)
    """
    return list(_Splitter(line).words())


class _Splitter:
    def __init__(self, line: str) -> None:
        self.line = line
        self.at = 0

    def words(self) -> Iterator[RawWord]:
        while self.at < len(self.line):
            if self.line[self.at].isspace():
                self.at += 1
            else:
                yield self._word()

    def _word(self) -> RawWord:
        quoted = self.line[self.at] in "'\""
        pieces: list[str | Expression] = []
        while self.at < len(self.line) and not self.line[self.at].isspace():
            if self.line[self.at] in "'\"":
                pieces += self._quoted()
            else:
                pieces.append(self._piece())
        return RawWord(_joined(pieces), quoted)

    def _quoted(self) -> Iterator[str | Expression]:
        begin, mark = self.at, self.line[self.at]
        self.at += 1
        yield ""
        while self.at < len(self.line) and self.line[self.at] != mark:
            if self.line.startswith(("\\" + mark, "\\\\"), self.at):
                self.at += 1
                yield self._take(1)
            else:
                yield self._piece()
        if self.at >= len(self.line):
            raise UsageError(f"the quote that opens at {self.line[begin : begin + 20]!r} is never closed")
        self.at += 1

    def _piece(self) -> str | Expression:
        if self.line.startswith(("{{", "}}"), self.at):
            return self._take(2)[0]
        if self.line[self.at] == "{":
            return self._expression()
        if self.line[self.at] == "}":
            raise UsageError(f"a }} without its {{ in {self.line.strip()!r}", hint=_HINT)
        return self._take(1)

    def _expression(self) -> Expression:
        end = _closing_brace(self.line, self.at)
        if end < 0:
            raise UsageError(f"the {{ at {self.line[self.at : self.at + 20]!r} is never closed", hint=_HINT)
        source = self.line[self.at + 1 : end].strip()
        self.at = end + 1
        return Expression(source)

    def _take(self, count: int) -> str:
        taken = self.line[self.at : self.at + count]
        self.at += count
        return taken


def _closing_brace(line: str, begin: int) -> int:
    """Return where the brace at `begin` closes, or -1; braces in Python strings do not count."""
    depth, at = 0, begin
    while at < len(line):
        letter = line[at]
        if letter in "'\"":
            at = _closing_quote(line, at)
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return at
        at += 1
    return -1


def _closing_quote(line: str, begin: int) -> int:
    at = begin + 1
    while at < len(line) and line[at] != line[begin]:
        at += 2 if line[at] == "\\" else 1
    return at


def _joined(pieces: list[str | Expression]) -> tuple[str | Expression, ...]:
    joined: list[str | Expression] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(piece for piece in joined if piece != "") or ("",)


def _words_of(raw: RawWord, evaluate: Callable[[str], Any]) -> Iterator[Word]:
    first = raw.pieces[0]
    option = "" if raw.quoted or not isinstance(first, str) else first.partition("=")[0]
    if not _OPTION.fullmatch(option):
        yield _evaluated(raw.pieces, evaluate)
    elif isinstance(first, str) and "=" in first:
        yield Word(option, option=True, attached=True)
        rest = first.partition("=")[2]
        yield _evaluated(_joined([rest, *raw.pieces[1:]]), evaluate)
    else:
        yield Word(_evaluated(raw.pieces, evaluate).text, option=True)


def _evaluated(pieces: tuple[str | Expression, ...], evaluate: Callable[[str], Any]) -> Word:
    if len(pieces) == 1 and isinstance(pieces[0], Expression):
        value = _value(pieces[0], evaluate)
        return Word(str(value) if isinstance(value, str | int | float) else "", value, pieces[0].source)
    return Word("".join(p if isinstance(p, str) else str(_value(p, evaluate)) for p in pieces))


def _value(expression: Expression, evaluate: Callable[[str], Any]) -> Any:
    try:
        return evaluate(expression.source)
    except Exception as error:  # noqa: BLE001 whatever the user's expression raises
        syntax = isinstance(error, SyntaxError)
        because = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        hint = _HINT if syntax else ""
        raise UsageError(f"{{{expression.source}}} could not be evaluated", because, hint) from None

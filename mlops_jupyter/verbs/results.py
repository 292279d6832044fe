"""What a verb returns: fields for code, one answer in words, and blocks that any face can draw.

Summarise, render, wrap: a result decides every number and word (`headline`, `blocks`); `notebook` and the shell
only draw them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Mark: TypeAlias = Literal["ok", "warn", "bad", "info"]


@dataclass(frozen=True)
class Table:
    """Rows under named columns; numbers are aligned by the renderer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, one a line."""

    pairs: tuple[tuple[str, Any], ...]
    title: str = ""


@dataclass(frozen=True)
class Note:
    """A sentence with a mark: ``ok``, ``warn``, ``bad`` or ``info``."""

    text: str
    mark: Mark = "info"


@dataclass(frozen=True)
class Code:
    """Text to copy: a command, a request, a diff."""

    text: str
    language: str = "text"
    title: str = ""


Block: TypeAlias = Table | Facts | Note | Code


class Result:
    """A verb's answer. Subclasses are frozen dataclasses that give `headline` and `blocks`."""

    #: The Python call this result stands for, set by whoever called the verb.
    code: str = ""

    @property
    def headline(self) -> str:
        """The answer in words: the first line of every face."""
        raise NotImplementedError

    def blocks(self) -> Iterable[Block]:
        """What stands under the headline."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python values, ready for JSON."""
        return asdict(self) if is_dataclass(self) and not isinstance(self, type) else {}

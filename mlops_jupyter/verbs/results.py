"""What a verb returns: fields for code, one answer in words, and blocks that any face can draw.

Summarise, render, wrap: a result decides every number and word (`headline`, `blocks`), and `as_text` and
`as_html` only draw them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Mark: TypeAlias = Literal["ok", "warn", "bad", "info"]


@dataclass(frozen=True)
class Status:
    """A state as a word and a mark, for a cell of a table or the value of a fact; never a colour alone."""

    word: str
    mark: Mark = "info"


@dataclass(frozen=True)
class Quantity:
    """A number with its unit: ``B`` for bytes and ``s`` for seconds are scaled to read well."""

    value: float
    unit: str


@dataclass(frozen=True)
class Table:
    """Rows under named columns; numbers are aligned by the renderer. `folded` puts it behind its title."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""
    empty: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and values, one a line."""

    pairs: tuple[tuple[str, Any], ...]
    title: str = ""
    folded: bool = False


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
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure with one message, which its title says; drawn only where it is shown.

    Parameters
    ----------
    title : str
        The message.
    png : callable
        Returns the image, twice as fine as it is shown, without a ground of its own.
    """

    title: str
    png: Callable[[], bytes]


Block: TypeAlias = Table | Facts | Note | Code | Figure


class Result:
    """A verb's answer. Subclasses are frozen dataclasses that give `headline` and `blocks`."""

    #: The Python call this result stands for, set by whoever called the verb.
    code: str = ""

    @property
    def headline(self) -> str:
        """The answer in words: the first line of every face."""
        raise NotImplementedError

    def blocks(self) -> Iterable[Block]:
        """Yield what stands under the headline."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python values, ready for JSON."""
        return asdict(self) if is_dataclass(self) and not isinstance(self, type) else {}

    def __str__(self) -> str:
        from mlops_jupyter.verbs.as_text import render_text

        return render_text(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return what Jupyter shows; both forms need no kernel and no network to be read again."""
        from mlops_jupyter.verbs.as_html import render_html

        return {"text/plain": str(self), "text/html": render_html(self)}

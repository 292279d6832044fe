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
class Bar:
    """A number as a bar with its bounds and limits; in text the number alone.

    Parameters
    ----------
    value, low, high : float
        The number, and what it lies between.
    limits : tuple of float
        Where lines are drawn across.
    end : float
        The number that fills the width; what is over it is drawn as going on.
    mark : str
        Whose colour it has.
    text : str
        The number as it is written; in three significant digits by default.
    """

    value: float
    low: float
    high: float
    limits: tuple[float, ...] = ()
    end: float = 1.0
    mark: Mark = "info"
    text: str = ""


@dataclass(frozen=True)
class Sparkline:
    """A number over time, without axes; in text as little blocks.

    Parameters
    ----------
    values : tuple of float or None
        From the earliest; None where there was nothing to count.
    limit : float, optional
        Where a line is drawn across.
    mark : str
        Whose colour the last point has.
    about : str
        What it shows, on hover.
    """

    values: tuple[float | None, ...]
    limit: float | None = None
    mark: Mark = "info"
    about: str = ""


@dataclass(frozen=True)
class Shape:
    """How values are distributed: shares from left to right, those of the reference as an outline.

    Parameters
    ----------
    shares : tuple of float
        Of each cell or level.
    reference : tuple of float
        The same of the reference; empty where there is none to compare with.
    apart : bool
        Whether the cells are levels, which no line joins.
    mark : str
        Whose colour it has.
    about : str
        What it shows, on hover.
    """

    shares: tuple[float, ...]
    reference: tuple[float, ...] = ()
    apart: bool = False
    mark: Mark = "info"
    about: str = ""


@dataclass(frozen=True)
class Titled:
    """A name, and in smaller letters what it is."""

    text: str
    under: str = ""


@dataclass(frozen=True)
class Branch:
    """A name in a graph: in text behind the lanes that lead to it, in a page alone, for its picture is there.

    Parameters
    ----------
    lanes : str
        ``├─✓``.
    name : str
        What stands there.
    link : str
        An address that leads to more of it.
    """

    lanes: str
    name: str
    link: str = ""


@dataclass(frozen=True)
class Sayings:
    """Short sentences, each on a line of its own; what is between backquotes is a name or value."""

    lines: tuple[str, ...]


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
    width : int
        Pixels it is shown in.
    """

    title: str
    png: Callable[[], bytes]
    width: int = 640


@dataclass(frozen=True)
class Picture:
    """A drawing that takes letters and colours of its page; a text has its message in words already.

    Parameters
    ----------
    html : callable
        Returns the drawing, as SVG in the page.
    """

    html: Callable[[], str]


Block: TypeAlias = Table | Facts | Note | Code | Figure | Picture


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

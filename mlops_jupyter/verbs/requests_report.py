"""Captured requests, used like the data frame they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.results import Note, Quantity, Result, Status, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

    from mlops_jupyter.capture.newest import Span
    from mlops_jupyter.capture.windows import Window
    from mlops_jupyter.verbs.results import Block

_SHOWN_ROWS: Final = 10
_SHOWN_COLUMNS: Final = 12
_SELDOM: Final = ("prediction_id", "row", "unit", "version")  # looked at in the frame
_FAILED: Final = 400
_LONGEST: Final = 60


@dataclass(frozen=True, eq=False)
class RequestsReport(Result):
    """What a deployment was asked and what it answered: use it as a frame, or take `frame`.

    Parameters
    ----------
    deployment : str
        The endpoint.
    window : Window
        Which stretch of time was looked at.
    where, variant, version : str or None
        What else was looked for.
    frame : DataFrame
        The newest rows, in the order of their times: when, of whom, what became of it, features, prediction
        and scores.
    statuses : mapping of int to int
        How many rows there are in all, by the status of their answers.
    limit : int
        How many rows were wanted at most.
    captured : Span or None
        What there is at all, where nothing was found.
    """

    deployment: str
    window: Window
    where: str | None
    variant: str | None
    version: str | None
    frame: pd.DataFrame = field(repr=False)
    statuses: Mapping[int, int]
    limit: int
    captured: Span | None = None

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many of them were refused, or failed."""
        return sum(count for status, count in self.statuses.items() if status >= _FAILED)

    @property
    def headline(self) -> str:
        """How many rows there are, and how many of them failed."""
        found = f"{self.rows:,} row{'s' if self.rows != 1 else ''}" if self.rows else "no requests"
        failed = f", {self.failed:,} of them refused or failed" if self.failed else ""
        return f"{found} of {self.deployment}{self._sought}, {self.window}{failed}"

    @property
    def _sought(self) -> str:
        parts = (
            self.version and f" {self.version}", self.variant and f" as {self.variant}",
            self.where and f" where {self.where}",
        )  # fmt: skip
        return "".join(part for part in parts if part)

    def blocks(self) -> Iterable[Block]:
        """Yield the rows by status, and the last of them; where there are none, what there is."""
        if not self.rows:
            yield Note(self._nothing, "info")
            return
        if len(self.statuses) > 1 or self.failed:
            yield Table(("status", "rows", "share"), tuple(map(self._counted, self.statuses.items())))
        names = self._names
        rows = tuple(tuple(map(_cell, names, row)) for row in self._last[names].itertuples(index=False))
        yield Table(tuple(map(str, names)), rows, title=self._title)
        if self.rows > len(self.frame):
            yield Note(
                f"the frame has the newest {len(self.frame):,} of {self.rows:,} rows: --limit gives more"
            )

    @property
    def _nothing(self) -> str:
        if self.captured is None:
            return f"nothing is captured: mlops predict {self.deployment} DATA sends some"
        if self.window.since <= self.captured.first and self.captured.last < self.window.until:
            return f"{self.captured.rows:,} rows are captured in that time, but none{self._sought}"
        first, last = (
            f"{each.astimezone():%Y-%m-%d %H:%M %Z}" for each in (self.captured.first, self.captured.last)
        )
        what = f"{self.captured.rows:,} rows are captured, from {first} to {last}"
        return f"{what}: --last, --since and --until say which are looked at"

    @property
    def _last(self) -> pd.DataFrame:
        return self.frame.tail(_SHOWN_ROWS)

    @property
    def _names(self) -> list[str]:
        """Return the columns that are shown: those that say something in these rows."""
        last = self._last
        telling = [name for name in last.columns if name not in _SELDOM and last[name].notna().any()]
        return telling[:_SHOWN_COLUMNS]

    @property
    def _title(self) -> str:
        shown = len(self._last)
        return f"last {shown} of {self.rows:,} rows" if shown < self.rows else ""

    def _counted(self, counted: tuple[int, int]) -> tuple[Any, ...]:
        status, count = counted
        mark = Status(str(status), "bad" if status >= _FAILED else "ok")
        return mark, count, Quantity(100 * count / self.rows, "%")

    def to_frame(self) -> pd.DataFrame:
        """Return the data frame."""
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; the frame as a list of records."""
        window = {"since": self.window.since.isoformat(), "until": self.window.until.isoformat()}
        about = {
            name: getattr(self, name)
            for name in ("deployment", "where", "variant", "version", "rows", "limit")
        }
        statuses = {str(status): count for status, count in self.statuses.items()}
        records = [
            {name: _plain(value) for name, value in record.items()}
            for record in self.frame.to_dict("records")
        ]
        return {**about, **window, "statuses": statuses, "requests": records}

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]


def _cell(name: str, value: Any) -> Any:
    import pandas as pd

    if pd.isna(value):
        return None
    if name == "latency":
        return Quantity(value, "s")
    if name == "status":
        return Status(str(value), "bad" if value >= _FAILED else "ok")
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    text = value if isinstance(value, str) else None
    return f"{text[:_LONGEST]}…" if text and len(text) > _LONGEST else value


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value

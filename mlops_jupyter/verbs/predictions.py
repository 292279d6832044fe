"""Predictions that are used like the data frame they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.results import Note, Result, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from mlops_jupyter.verbs.results import Block

_SHOWN_ROWS = 10


@dataclass(frozen=True, eq=False)
class Predictions(Result):
    """Predictions for a frame: use it as one, or take `frame`.

    Parameters
    ----------
    deployment : str
        The endpoint.
    versions, variants : tuple of str
        Which versions answered, and as what.
    frame : DataFrame
        ``prediction``, ``probability_<label>`` and ``confidence`` under the index of the data.
    warnings : tuple of str
        Values unlike those of the training data.
    seconds : float
        How long it took.
    """

    deployment: str
    versions: tuple[str, ...]
    variants: tuple[str, ...]
    frame: pd.DataFrame = field(repr=False)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def version(self) -> str:
        """The version that answered; the last, when it was changed in between."""
        return self.versions[-1]

    @property
    def headline(self) -> str:
        """How many predictions, and by which version."""
        rows = f"{len(self.frame):,} prediction{'s' if len(self.frame) != 1 else ''}"
        return f"{rows} by {self.deployment} {' and '.join(self.versions)} ({', '.join(self.variants)})"

    def blocks(self) -> Iterable[Block]:
        """Yield the first rows."""
        head = self.frame.head(_SHOWN_ROWS)
        rows = tuple(
            (str(label), *row) for label, row in zip(head.index, head.itertuples(index=False), strict=True)
        )
        title = f"first {_SHOWN_ROWS} of {len(self.frame):,} rows" if len(self.frame) > _SHOWN_ROWS else ""
        yield Table((str(self.frame.index.name or ""), *map(str, head.columns)), rows, title=title)
        yield from (Note(warning, "warn") for warning in self.warnings)

    def to_frame(self) -> pd.DataFrame:
        """Return the data frame."""
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; the frame as a list of records."""
        records = self.frame.to_dict(orient="records")
        about = {
            "deployment": self.deployment,
            "versions": list(self.versions),
            "variants": list(self.variants),
        }
        return {**about, "warnings": list(self.warnings), "seconds": self.seconds, "predictions": records}

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.frame.__array__(dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "frame":
            raise AttributeError(name)
        return getattr(self.frame, name)

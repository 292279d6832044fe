"""What every server is asked: rows of the breast cancer data, which has 30 columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

BODIES = 100  # different rows sent in turn
BULK = 1000


@dataclass(frozen=True)
class Task:
    """One thing that is measured: which model is asked for how many rows over how many connections."""

    name: str
    model: str
    rows: int
    connections: int


ONE = Task("one row", "logistic", 1, 16)
ALONE = Task("one row, 1 connection", "logistic", 1, 1)
CROWD = Task("one row, 64 connections", "logistic", 1, 64)
FOREST = Task("one row, forest", "forest", 1, 16)
JSON_BULK = Task("1,000 rows as JSON", "logistic", BULK, 1)
ARROW_BULK = Task("1,000 rows as Arrow", "logistic", BULK, 1)


@cache
def table() -> tuple[pd.DataFrame, pd.Series]:
    """Return features and target."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    return bunch.data, bunch.target


@cache
def bulk() -> pd.DataFrame:
    """Return a thousand rows; the data has 569, so some come twice."""
    data, _ = table()
    return data.iloc[[row % len(data) for row in range(BULK)]].reset_index(drop=True)


def single_rows() -> list[pd.DataFrame]:
    """Return frames of one row, to be sent in turn."""
    data, _ = table()
    return [data.iloc[[row]] for row in range(BODIES)]


def compact(document: Any) -> bytes:
    """Return a document as JSON without blanks, for every server alike."""
    return json.dumps(document, separators=(",", ":")).encode()

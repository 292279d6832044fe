"""Ordinary entries are packed where they are made; what is read back is the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.entries import Entries
from mlops_jupyter.serving.recording.layout import make_layout
from mlops_jupyter.serving.recording.packing import packing
from tests.serving.recording.samples import as_batch, column, contract, entry, output

NUMBERS = contract(
    [column("d"), column("l", "long"), column("f", "float"), column("u", "long", "uint64"), column("e")]
)
VALUES = contract([column("x")], [output("delay", "double", None)], probabilities=False)
DOUBLES = contract([column("x"), column("y")])
TEXTS = contract([column("x"), column("s", "string")])
ABOUT = {"model": "m", "version": "1.0.0", "digest": "d"}


def added(of, *entries, **options):
    """Return what reaches the backlog."""
    reached = []
    record = packing(make_layout(of, Options(**options)), lambda each, size: reached.append(each) or True)
    for each in entries:
        assert record(each, 10)
    return reached


def read(of, entries):
    turned = Entries(make_layout(of, Options()), ABOUT, None)
    table = pa.Table.from_batches(as_batch(each, turned.schema) for each in turned.batches(entries))
    table.validate(full=True)
    return table.to_pylist()


@pytest.mark.parametrize(
    ("of", "each"),
    [
        (NUMBERS, entry([(1.5, 2**62, 0.25, 2**64 - 1, 3)], [1], [[0.25, 0.75]], unit="u", role="shadow")),
        (NUMBERS, entry([(1, -5, 2, 0, -0.5)], [0], np.array([[0.25, 0.75]]))),
        (DOUBLES, entry(np.array([[1.5, np.nan]]), [1], np.array([[0.25, 0.75]]))),
        (DOUBLES, entry(np.array([[1.5, 0.0], [2.5, 1.0]])[:, ::-1][1:], [1], np.array([[0.25, 0.75]]))),
        (VALUES, entry(np.array([[1.5]]), [2.5])),
        (VALUES, entry([(1.5,)], [2.5])),
        (VALUES, entry([(1.5,)], [None])),
        (VALUES, entry([(1.5,)], [np.array([2.5])])),
    ],
)
def test_an_ordinary_entry_is_packed_and_read_as_if_it_were_not(of, each):
    [packed] = added(of, each)
    assert type(packed[0]) is bytes
    assert read(of, [packed]) == read(of, [each])


@pytest.mark.parametrize(
    ("of", "each"),
    [
        (NUMBERS, entry([(None, 1, 0.5, 1, 1.0)], [1], [[0.5, 0.5]])),
        (NUMBERS, entry([(1.0, 1.5, 0.5, 1, 1.0)], [1], [[0.5, 0.5]])),
        (NUMBERS, entry([(1.0, 1, 0.5, 1, 1.0)] * 2, [1, 0], [[0.5, 0.5]] * 2)),
        (NUMBERS, entry([(1.0, 1, 0.5, 1)], [1], [[0.5, 0.5]])),
        (NUMBERS, entry([(1.0, 1, 0.5, 1, 1.0)], [1], None)),
        (NUMBERS, entry([(1.0, 1, 0.5, 1, 1.0)], None, None, status=500, error="failed")),
        (NUMBERS, entry(None, status=422, error="wrong")),
        (NUMBERS, entry(np.array([[1.0, 1.0, 0.5, 1.0, 1.0]]), [1], np.array([[0.5, 0.5]]))),
        (DOUBLES, entry(np.array([[1.5, 2.5]]), [1], np.array([[0.5, 0.5]], np.float32))),
        (DOUBLES, entry(np.array([[1.5, 2.5]]), [1], None)),
        (DOUBLES, entry(np.array([[1.5, 2.5]]), [1], [[0.5, 0.5]])),
        (DOUBLES, entry(np.ones((2, 2)), [1, 0], np.full((2, 2), 0.5))),
        (DOUBLES, entry(Batch({}, 1, np.ones((1, 2))), [1], np.full((1, 2), 0.5))),
        (TEXTS, entry([(1.5, "a")], [1], [[0.5, 0.5]])),
    ],
)
def test_any_other_entry_is_left_as_it_is(of, each):
    [left] = added(of, each)
    assert left is each


def test_masked_and_hashed_features_are_not_packed():
    each = entry([(1.5,)], [2.5])
    assert added(VALUES, each, capture_masked=("x",)) == [each]
    assert added(VALUES, each, capture_hashed=("x",)) == [each]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, width=32),
            st.integers(0, 2**64 - 1),
            st.none() | st.floats(allow_nan=False),
        ),
        min_size=1,
        max_size=300,
    )
)
def test_whatever_the_numbers_are_they_are_read_as_they_were(rows):
    entries = [entry([row], [1], [[0.5, 0.5]], id_=str(i)) for i, row in enumerate(rows)]
    found = {each["prediction_id"]: each for each in read(NUMBERS, added(NUMBERS, *entries))}
    assert [tuple(found[str(i)][name] for name in "dlfue") for i in range(len(rows))] == rows

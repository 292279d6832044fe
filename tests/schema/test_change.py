"""The version number follows from what a caller would notice."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.schema.change import bump, compare

OLD = {
    "input": {
        "kind": "columns",
        "columns": [
            {"name": "distance", "type": "double", "nullable": False, "minimum": 1.0},
            {"name": "dest", "type": "string", "nullable": True, "minimum": None},
        ],
    },
    "output": {
        "task": "classification",
        "outputs": [{"name": "late", "type": "string", "classes": ["no", "yes"]}],
        "probabilities": True,
    },
}
COLUMN = {"name": "hour", "type": "long", "nullable": False, "minimum": 0.0}


def changed(change):
    new = copy.deepcopy(OLD)
    change(new)
    return new


CHANGES = {
    "column `dest` removed": lambda s: s["input"]["columns"].pop(),
    "required column `hour` added": lambda s: s["input"]["columns"].append(COLUMN),
    "column `distance` is long, was double": lambda s: s["input"]["columns"][0].update(type="long"),
    "column `dest` may no longer be missing": lambda s: s["input"]["columns"][1].update(nullable=False),
    "input is matrix, was columns": lambda s: s["input"].update(kind="matrix"),
    "the task is regression, was classification": lambda s: s["output"].update(task="regression"),
    "the classes of `late` gained maybe": lambda s: s["output"]["outputs"][0]["classes"].append("maybe"),
    "the classes of `late` lost yes": lambda s: s["output"]["outputs"][0]["classes"].pop(),
    "output `late` is long, was string": lambda s: s["output"]["outputs"][0].update(type="long"),
    "output `delay` added": lambda s: s["output"]["outputs"].append(
        {"name": "delay", "type": "double", "classes": None}
    ),
    "output `late` removed": lambda s: s["output"]["outputs"].pop(),
    "probabilities are no longer given": lambda s: s["output"].update(probabilities=False),
}
OFFERS = {
    "optional column `hour` added": lambda s: s["input"]["columns"].append({**COLUMN, "nullable": True}),
    "column `distance` may now be missing": lambda s: s["input"]["columns"][0].update(nullable=True),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_break_is_major_and_says_what_broke(reason):
    change = compare(OLD, changed(CHANGES[reason]))
    assert change.level == "major"
    assert reason in change.reasons


@pytest.mark.parametrize("reason", OFFERS)
def test_an_offer_is_minor(reason):
    assert compare(OLD, changed(OFFERS[reason])).reasons == (reason,)
    assert compare(OLD, changed(OFFERS[reason])).level == "minor"


def test_a_range_is_a_patch_and_nothing_is_none():
    wider = changed(lambda s: s["input"]["columns"][0].update(minimum=0.0))
    assert compare(OLD, wider).level == "patch"
    assert compare(OLD, copy.deepcopy(OLD)).level == "none"


def test_the_order_of_columns_and_classes_is_no_break():
    turned = changed(
        lambda s: (s["input"]["columns"].reverse(), s["output"]["outputs"][0]["classes"].reverse())
    )
    assert compare(OLD, turned).level == "patch"


@given(
    st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    st.sampled_from(["major", "minor", "patch"]),
)
def test_the_next_version_is_always_higher(version, level):
    after = tuple(int(part) for part in bump(".".join(map(str, version)), level).split("."))
    assert after > version

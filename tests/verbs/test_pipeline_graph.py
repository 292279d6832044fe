"""The graph of a run is laid out so that it reads: arrows go right, nothing lies over anything."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.verbs.pipeline_graph import graph_from, graph_of
from mlops_jupyter.verbs.pipeline_lanes import each_step, lanes, letters, width_of
from mlops_jupyter.verbs.pipeline_places import Spacing, place
from tests.verbs.pipeline_runs import NEEDS, matrix, run, step


@st.composite
def graphs(draw):
    """Steps of which each may need any before it; some are variants of one."""
    count = draw(st.integers(1, 14))
    names = [f"s{i}" if draw(st.booleans()) else f"m[{i}]" for i in range(count)]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=4))) if i else ()
        for i, name in enumerate(names)
    }


@settings(deadline=None)
@given(graphs())
def test_every_step_stands_once_behind_all_that_it_needs_and_no_box_lies_over_another(needs):
    graph = graph_from(needs)
    assert sorted(name for steps in graph.nodes.values() for name in steps) == sorted(needs)
    boxes = place(graph, lambda name: 40.0 if name in graph.nodes else 0.0, Spacing(100, 30, 10))
    for before, after in graph.paths:
        assert boxes[before].right < boxes[after].x
    cards = [boxes[name] for name in graph.nodes]
    for a, b in combinations(cards, 2):
        assert a.x != b.x or a.y + a.height < b.y or b.y + b.height < a.y


@settings(deadline=None)
@given(graphs())
def test_lines_draw_every_step_once_in_lanes_that_no_two_share(needs):
    graph = graph_from(needs)
    rows = lanes(graph)
    assert [row.name for row in rows] == list(graph.nodes)
    for row in rows:
        assert row.lane not in row.passes
        assert len(letters(row, "o", width_of(rows)).replace(" ", "")) >= 1
    assert sorted(row.name for row in each_step(graph)) == sorted(needs)


def test_an_arrow_that_a_path_says_already_is_left_out():
    graph = graph_from({"a": (), "b": ("a",), "c": ("a", "b")})
    assert graph.needs["c"] == ("b",)


def test_the_variants_of_a_matrix_are_one_node():
    graph = graph_of(matrix(12))
    assert list(graph.nodes) == ["features", "train", "evaluate"]
    assert len(graph.nodes["train"]) == 12


def test_variants_that_take_one_anothers_results_stay_apart():
    needs = {"fit[fold=1]": (), "check": ("fit[fold=1]",), "fit[fold=2]": ("check",)}
    assert list(graph_from(needs).nodes) == list(needs)


def test_few_arrows_cross():
    # as written they would cross twice
    needs = {"a": (), "b": (), "x": ("b",), "y": ("a",)}
    layers = graph_from(needs).layers
    assert [layers[0].index(n) for n in ("a", "b")] == [layers[1].index(n) for n in ("y", "x")]


def test_a_run_of_no_steps_has_a_graph_of_none():
    assert graph_of(run([])).layers == ()


@pytest.mark.parametrize("unknown", [{"a": ("gone",)}, {"a": ("a",)}])
def test_a_need_that_is_no_step_of_the_run_is_left_out(unknown):
    assert graph_from(unknown).needs == {"a": ()}


def test_lanes_say_in_letters_who_needs_whom():
    rows = each_step(graph_of(run([step(name) for name in NEEDS])))
    assert [letters(row, "o", width_of(rows)).rstrip() for row in rows] == ["o", "├─o", "o │", "o │", "o─╯"]


def test_variants_stand_in_one_lane_and_go_on_as_one():
    rows = each_step(graph_of(matrix(3)))
    drawn = [letters(row, "o", width_of(rows)).rstrip() for row in rows]
    assert drawn == ["o", "├─o", "├─o", "╰─o", "o─╯"]

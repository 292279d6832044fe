from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.definition.graph import cycle, followers_of, ordered, reached
from mlops_jupyter.pipelines.definition.paths import below, meets, normal
from mlops_jupyter.pipelines.definition.selection import select

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=8).map(
    lambda graph: {name: [other for other in needs if other in graph] for name, needs in graph.items()}
)
PARTS = st.lists(st.sampled_from(["a", "b", "data", "x.csv"]), min_size=1, max_size=4).map("/".join)


@patient
@given(GRAPHS)
def test_each_step_stands_behind_all_that_it_needs_or_a_cycle_is_found(graph):
    order = ordered(graph)
    for at, name in enumerate(order):
        assert set(graph[name]) <= set(order[:at])
    assert bool(cycle(graph)) == (len(order) < len(graph))


@patient
@given(GRAPHS)
def test_a_cycle_is_a_way_round_on_which_each_needs_the_one_before(graph):
    way = cycle(graph)
    assert not way or way[0] == way[-1]
    assert all(before in graph[name] for before, name in pairwise(way))


@patient
@given(GRAPHS)
def test_steps_that_need_nothing_of_each_other_keep_their_order(graph):
    free = {name: [] for name in graph}
    assert ordered(free) == list(graph)


@patient
@given(GRAPHS, NAMES, NAMES)
def test_what_one_needs_is_what_the_other_is_needed_by(graph, one, other):
    if one in graph and other in graph:
        assert (other in reached(graph, [one])) == (one in reached(followers_of(graph), [other]))


@patient
@given(PARTS, PARTS)
def test_a_file_meets_itself_and_the_folders_it_is_in(one, other):
    assert meets(one, one)
    assert meets(one, f"{one}/{other}")
    assert meets(f"{one}/{other}", one)
    assert meets(one, other) == (below(one, other) or below(other, one))


@patient
@given(PARTS)
def test_a_glob_meets_what_it_matches(path):
    assert meets("**/*", path)
    assert meets("*/" * path.count("/") + "*", path)
    assert not meets("*/" * path.count("/") + "*.parquet", path)


@patient
@given(PARTS, st.sampled_from(["./", "q/../", ".//"]))
def test_a_path_is_one_however_it_is_written(tmp_path_factory, path, prefix):
    folder = tmp_path_factory.getbasetemp()
    assert normal(prefix + path, folder) == path
    assert normal(f"{folder}/{path}", folder) == path


DIAMOND = """
    steps:
      a: a.ipynb
      b: {notebook: b.ipynb, after: a}
      c: {notebook: b.ipynb, after: a, matrix: {x: [1, 2]}}
      d: {notebook: b.ipynb, after: [b, c]}
      e: b.ipynb
"""


@pytest.fixture
def diamond(project):
    project.notebook("b.ipynb", parameters="x = 1")
    return project.read(DIAMOND)


@pytest.mark.parametrize(
    ("until", "from_", "run", "taken"),
    [
        (None, None, "a b c[x=1] c[x=2] d e", ""),
        ("b", None, "a b", ""),
        ("c", None, "a c[x=1] c[x=2]", ""),
        (None, "c", "c[x=1] c[x=2] d", "a b"),
        (None, "c[x=2]", "c[x=2] d", "a b c[x=1]"),
        ("d", "b", "b d", "a c[x=1] c[x=2]"),
        ("b", "b", "b", "a"),
    ],
)
def test_a_run_is_of_the_steps_between(diamond, until, from_, run, taken):
    assert select(diamond, until, from_) == (tuple(run.split()), tuple(taken.split()))


def test_a_step_that_is_not_there_is_told_with_the_nearest(diamond):
    with pytest.raises(UsageError, match=r"--until dd: delays has no step 'dd'; did you mean d\?"):
        select(diamond, until="dd")


def test_a_selection_of_nothing_is_refused(diamond):
    with pytest.raises(UsageError, match="nothing is from d until a: a does not need d"):
        select(diamond, until="a", from_="d")

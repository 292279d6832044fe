"""One ordinary row in the fewest steps: the same bytes, captures and counts as by the way for everything."""

from __future__ import annotations

import itertools
import json
from time import perf_counter

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.serving.loading import load
from tests.serving.doubles import DATA, KINDS, NAMES, RECORD, Observed, body_of, build_doubles, with_runtime

ID = "p" * 32


@pytest.fixture(scope="module")
def packages(tmp_path_factory, package_builder):
    """Loaded packages by their kind, made when they are first asked for."""
    made = {}

    def package(kind: str):
        if kind not in made:
            folder = tmp_path_factory.mktemp("doubles")
            made[kind] = load(build_doubles(package_builder, folder, kind))
        return made[kind]

    return package


@pytest.fixture
def observed(tmp_path):
    """Packages with captures and counts, closed at the end."""
    folders, made = (tmp_path / str(number) for number in itertools.count()), []

    def observe(package, **options) -> Observed:
        folder = next(folders)
        folder.mkdir()
        made.append(Observed(package, folder, **options))
        return made[-1]

    yield observe
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def both(packages, tmp_path_factory):
    """One package of each kind, neither captured nor closed, for as many bodies as there are."""
    made = {kind: Observed(packages(kind), tmp_path_factory.mktemp("both"), capture=False) for kind in KINDS}
    yield made
    for each in made.values():
        each.close()


def row_of(number: int) -> dict[str, float]:
    return DATA.iloc[number].to_dict()


def fused(each: Observed, body: bytes):
    """Return what the way in the fewest steps makes of a body; None where it leaves it to the others."""
    return each.variant.answer_row(body, ID, "stable", "u", perf_counter())


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_row_is_answered_byte_for_byte_as_by_the_general_way(both, kind):
    for number in range(50):
        body = orjson.dumps({"features": row_of(number)})
        assert fused(both[kind], body) == both[kind].answer(body, ID)


@pytest.mark.parametrize("kind", ["two texts", "three numbers"])
def test_the_rows_asked_for_have_several_answers(both, kind):
    bodies = [orjson.dumps({"features": row_of(number)}) for number in range(50)]
    told = {json.loads(fused(both[kind], body).body)["predictions"][0] for body in bodies}
    assert told == set(np.unique(KINDS[kind][1]).tolist())


def test_a_decision_threshold_decides(both):
    bodies = [orjson.dumps({"features": row_of(number)}) for number in range(100)]
    told = [json.loads(fused(both["a threshold"], body).body) for body in bodies]
    small = [answer["probabilities"][0]["small"] for answer in told]
    assert any(0.2 <= share < 0.5 for share in small)
    assert [answer["predictions"] == ["small"] for answer in told] == [share >= 0.2 for share in small]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_row_is_captured(observed, packages, kind):
    quick, careful = observed(packages(kind)), observed(packages(kind)).carefully()
    for each, number in itertools.product((quick, careful), range(20)):
        each.ask(orjson.dumps({"features": row_of(number)}), **{"x-mlops-unit": f"unit {number}"})
    ours, theirs = quick.captured(), careful.captured()
    ids = [row.pop("prediction_id") for row in ours]
    assert len(set(ids)) == 20
    assert [row.pop("unit") for row in ours] == [row.pop("unit") for row in theirs]
    assert ours == [{k: v for k, v in row.items() if k != "prediction_id"} for row in theirs]


def test_what_is_captured_bears_the_id_that_was_told(observed, packages):
    each = observed(packages("two texts"))
    told = [json.loads(each.ask(body_of()).body)["prediction_id"] for _ in range(10)]
    assert [row["prediction_id"] for row in each.captured()] == told


def test_the_same_is_counted(observed, packages):
    quick, careful = observed(packages("two texts")), observed(packages("two texts")).carefully()
    bodies = [body_of(), body_of(), body_of(width=99.0), body_of(width="x"), b"{"]
    for each, body in itertools.product((quick, careful), bodies):
        each.ask(body)
    assert quick.counted() == careful.counted()
    assert sum(count for key, count in quick.counted().items() if key[0].startswith("answered")) == 5


RECORDED = orjson.dumps(RECORD)
STRANGE = {
    "a value that training did not show": body_of(width=1e6),
    "null": body_of(width=None),
    "NaN": body_of().replace(b"10.0", b"NaN", 1),
    "infinity": body_of().replace(b"10.0", b"Infinity", 1),
    "beyond all doubles": body_of().replace(b"10.0", b"1e999", 1),
    "a boolean": body_of(width=True),
    "a text": body_of(width="10.0"),
    "a list": body_of(width=[10.0]),
    "an object": body_of(width={"a": 10.0}),
    "a missing column": orjson.dumps({"features": dict.fromkeys(NAMES[1:], 10.0)}),
    "an extra column": body_of(extra=1.0),
    "a column twice": b'{"features": {"width": 1.0, %b}' % RECORDED[1:],
    "features twice": b'{"features": %b, "features": %b}' % (RECORDED, RECORDED),
    "something beside": b'{"features": %b, "more": 1}' % RECORDED,
    "a list of one": b'{"features": [%b]}' % RECORDED,
    "a list of one far away": b'{"features":%b[%b]}' % (b" " * 40, RECORDED),
    "one list per column": orjson.dumps({"features": {name: [10.0] for name in NAMES}}),
    "a row by position": b'{"features": [10.0, 10.0, 10.0, 10.0]}',
    "no rows": b'{"features": []}',
    "no features": b"{}",
    "no object": b"[]",
    "nothing": b"",
    "no JSON": body_of()[:-1],
    "bytes after it": body_of() + b"x",
    "another after it": body_of() + body_of(),
    "no UTF-8": body_of().replace(b"width", b"wid\xffth"),
    "deeply nested": b'{"features": ' + b"[" * 5000,
    "objects deeply nested": b'{"features": ' + b'{"a":' * 5000,
}


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_not_ordinary_is_left_to_the_others_with_nothing_done(observed, packages, strange):
    each = observed(packages("two texts"))
    assert fused(each, STRANGE[strange]) is None
    assert each.counted() == {}
    assert each.captured() == []


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_not_ordinary_is_answered_captured_and_counted_once(observed, packages, strange):
    quick, careful = observed(packages("two texts")), observed(packages("two texts")).carefully()
    ours, theirs = quick.ask(STRANGE[strange]), careful.ask(STRANGE[strange])
    assert ours.status == theirs.status
    assert quick.counted() == careful.counted()
    captures = [
        [{k: v for k, v in row.items() if k != "prediction_id"} for row in each.captured()]
        for each in (quick, careful)
    ]
    assert captures[0] == captures[1]
    assert len(captures[0]) == 1


@pytest.mark.parametrize(
    "body",
    [
        orjson.dumps({"features": dict(reversed(RECORD.items()))}),
        body_of(width=10),
        body_of(width=-0.0 + 10),
        orjson.dumps({"features": RECORD}, option=orjson.OPT_INDENT_2),
        body_of() + b" \r\n\t",
        body_of().replace(b"width", rb"w\u0069dth"),
        body_of().replace(b"10.0", b"1.0E+1"),
    ],
)
def test_order_spaces_escapes_and_ways_to_write_a_number_are_ordinary(both, body):
    assert fused(both["two texts"], body) == both["two texts"].answer(body, ID)
    assert fused(both["two texts"], body) is not None


values = st.floats(5, 15) | st.sampled_from([10, -0.0, 1e9, True, None, "1", [], {}, 10**400, 5e-324])
names = st.sampled_from([*NAMES, "extra", "Width"])
records = st.dictionaries(names, values, max_size=6) | st.fixed_dictionaries(dict.fromkeys(NAMES, values))
whole = st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(6, 14)))
documents = st.builds(lambda record: {"features": record}, records | whole | st.lists(records, max_size=2))
written = st.builds(json.dumps, documents, indent=st.sampled_from([None, 1])).map(str.encode)
bodies = st.one_of(
    written,
    st.builds(lambda body, at, more: _put(body, at, more), written, st.floats(0, 1), st.binary(max_size=3)),
    st.binary(max_size=30),
)


def _put(body: bytes, at: float, more: bytes) -> bytes:
    place = int(at * len(body))
    return body[:place] + more + body[place + len(more) // 2 :]


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(body=bodies, kind=st.sampled_from(list(KINDS)))
def test_any_body_is_answered_as_by_the_general_way_or_left_to_it(both, body, kind):
    answered, general = fused(both[kind], body), both[kind].answer(body, ID)
    assert answered is None or answered == general
    if general.status != 200 or b'"warnings"' in general.body:
        assert answered is None


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(record=whole, kind=st.sampled_from(list(KINDS)))
def test_any_row_within_what_training_showed_is_answered_in_the_fewest_steps(both, record, kind):
    body = json.dumps({"features": record}).encode()
    assert fused(both[kind], body) == both[kind].answer(body, ID)


# models that do not answer as they should


def raising(answer):
    raise RuntimeError("no answer")


def missing(answer):
    return [answer[0], np.full_like(answer[1], np.nan)]


def too_wide(answer):
    return [answer[0], np.hstack([answer[1], answer[1]])]


@pytest.mark.parametrize("changed", [raising, missing, too_wide])
def test_a_model_that_gives_no_ordinary_answer_is_left_to_the_others(observed, packages, changed):
    each = observed(packages("two texts"))
    changed_one = observed(with_runtime(each.package, changed))
    assert fused(each, body_of()) is not None
    assert fused(changed_one, body_of()) is None
    assert changed_one.counted() == {}
    assert changed_one.captured() == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_left_to_the_others(observed, packages, value):
    each = observed(with_runtime(packages("a value"), lambda answer: [np.full_like(answer[0], value)]))
    assert fused(each, body_of()) is None
    assert each.captured() == []


def test_probabilities_of_another_form_than_is_captured_so_are_captured_all_the_same(observed, packages):
    def single(answer):
        return [answer[0], answer[1].astype(np.float32)]

    each = observed(with_runtime(packages("two texts"), single))
    assert each.ask(body_of()).status == 200
    assert len(each.captured()) == 1


def test_a_row_that_cannot_be_captured_so_is_left_to_the_others(observed, packages):
    each = observed(packages("two texts"))
    refused = []

    class Recorder:
        idle = False
        record = staticmethod(lambda entry, size=0: refused.append("general") or True)
        record_row = staticmethod(lambda *_: bool(refused.append("row")))

    variant = type(each.variant)(0, each.package, None, Recorder())
    assert variant.answer_row(body_of(), ID, "stable", "", perf_counter()) is None
    assert refused == ["row"]


# captures of other kinds


@pytest.mark.parametrize("options", [{"capture_masked": ("width",)}, {"capture_hashed": ("width",)}])
def test_rows_with_masked_or_hashed_columns_are_captured_as_they_are_to_be(observed, packages, options):
    each = observed(packages("two texts"), **options)
    assert [each.ask(body_of()).status for _ in range(5)] == [200] * 5
    rows = each.captured()
    assert len(rows) == 5
    assert 10.0 not in {row["width"] for row in rows}
    assert {row["length"] for row in rows} == {10.0}


def test_clusters_which_have_no_classes_are_captured(observed, package_builder, tmp_path):
    model = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(DATA)
    each = observed(package_builder(tmp_path / "package", model, DATA))
    assert each.ask(body_of()).status == 200
    assert len(each.captured()) == 1


def test_nothing_is_captured_where_nothing_should_be(observed, packages):
    each = observed(packages("two texts"), capture=False)
    assert fused(each, body_of()) is not None
    assert each.captured() == []


# models of other kinds


def test_answers_that_are_kept_are_looked_for_instead(observed, packages):
    assert observed(packages("two texts"), cache=8).variant.answer_row is None


def _fitted(data: pd.DataFrame):
    return make_pipeline(StandardScaler(), LinearRegression()).fit(data, np.arange(len(data), dtype=float))


@pytest.mark.parametrize(
    ("data", "nullable"),
    [
        (DATA.astype({"width": int}), ()),
        (DATA.astype({"width": np.float32}), ()),
        (DATA.astype(np.float32), ()),
        (DATA, ("width",)),
        (DATA.rename(columns={"width": "a:b"}), ()),
    ],
    ids=["an integer", "one single float", "single floats", "one may be missing", "a colon in its name"],
)
def test_columns_of_other_kinds_have_no_such_way(observed, package_builder, tmp_path, data, nullable):
    each = observed(package_builder(tmp_path / "package", _fitted(data), data, nullable=nullable))
    assert each.variant.answer_row is None
    assert each.ask(orjson.dumps({"features": data.iloc[0].to_dict()})).status == 200
    assert len(each.captured()) == 1


def test_texts_among_the_columns_have_no_such_way(delays_package, observed):
    assert observed(delays_package).variant.answer_row is None


def test_several_outputs_have_no_such_way(observed, package_builder, tmp_path):
    target = pd.DataFrame({"a": DATA["width"] * 2, "b": DATA["length"]})
    model = LinearRegression().fit(DATA, target)
    assert observed(package_builder(tmp_path / "package", model, DATA, target)).variant.answer_row is None

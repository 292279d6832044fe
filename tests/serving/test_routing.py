"""Who answers: the share of units, units that stay where they are, and callers who choose for themselves."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom

import mlops_jupyter
from mlops_jupyter.serving import weighted
from mlops_jupyter.serving.access.doorkeeper import Doorkeeper
from mlops_jupyter.serving.access.keys import Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.units import compile_unit
from mlops_jupyter.serving.weighted import WeightedRouter
from mlops_jupyter.serving.weights import Share, Weights, WeightsReader, create_weights, write_weights
from tests.serving.stand_ins import Fixed, Named

UNITS = [f"user-{i}" for i in range(4000)]
STABLE, FIRST, SECOND = "1.0.0", "1.1.0", "1.2.0"
VERSIONS = (STABLE, FIRST, SECOND)
percents = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)


def table(*candidates: float, stable: int = 0) -> Weights:
    """Return a table of candidates' percents by slot, stable having the rest."""
    shares = [Share("candidate", percent) for percent in candidates]
    return Weights((*shares[:stable], Share("stable", 100 - sum(candidates)), *shares[stable:]))


def router(weights: Weights, salt: str = "churn", quick: bool = True) -> WeightedRouter:
    variants = [Named(slot, VERSIONS[slot], quick) for slot in range(len(weights.shares))]
    return WeightedRouter(variants, Fixed(weights), {}, salt)


def chosen(weights: Weights, units=UNITS, salt: str = "churn") -> list[str]:
    """Return the version that each unit gets."""
    routes = router(weights, salt)
    return [routes.choose(unit)[0].version for unit in units]


def within_chance(count: int, share: float, of: int) -> bool:
    """Whether a count lies in the exact interval in which it is 999 times in 1,000."""
    lowest, highest = binom.interval(0.999, of, share)
    return lowest <= count <= highest


# the share


@pytest.mark.parametrize("percent", [0.01, 0.5, 1, 10, 33.33, 50, 99.99])
def test_a_candidate_gets_its_share_of_the_units(percent):
    units = [f"{percent}-{i}" for i in range(30_000)]
    assert within_chance(chosen(table(percent), units).count(FIRST), percent / 100, len(units))


@pytest.mark.parametrize("shares", [(5, 20), (50, 50), (33.3, 33.3), (0, 10)])
def test_two_candidates_get_theirs(shares):
    versions = chosen(table(*shares))
    for version, share in zip((FIRST, SECOND), shares, strict=True):
        assert within_chance(versions.count(version), share / 100, len(UNITS))


@pytest.mark.parametrize("unit", UNITS[:3])
def test_nothing_is_nothing_and_all_is_all(unit):
    assert chosen(table(0, 0), [unit]) == [STABLE]
    assert chosen(table(100), [unit]) == [FIRST]
    assert chosen(table(0, 100), [unit]) == [SECOND]


def test_names_that_differ_little_are_spread_as_any_others():
    versions = chosen(table(50), [f"{i:08d}" for i in range(10_000)])
    changes = sum(a != b for a, b in itertools.pairwise(versions))
    assert within_chance(changes, 0.5, len(versions) - 1)


@pytest.mark.parametrize("shares", [(0.5,), (10,), (50,), (99.5,), (5, 20), (50, 50), (0, 10), (100,)])
def test_requests_of_nobody_come_out_by_the_weights(shares, monkeypatch):
    monkeypatch.setattr(weighted, "getrandbits", random.Random(0).getrandbits)
    versions = chosen(table(*shares), [""] * 20_000)
    for version, share in zip(VERSIONS, (100 - sum(shares), *shares), strict=False):
        assert within_chance(versions.count(version), share / 100, len(versions))


def test_requests_of_nobody_do_not_follow_each_other():
    versions = chosen(table(50), [""] * 10_000)
    changes = sum(a != b for a, b in itertools.pairwise(versions))
    assert 4_500 < changes < 5_500  # ten standard deviations: by chance


def test_a_unit_goes_to_its_variant_whoever_asks_between():
    routes = router(table(30, 30))
    once = [routes.choose(unit)[0].version for unit in UNITS[:200]]
    for unit, version in zip(UNITS[:200], once, strict=True):
        again = [routes.choose(each)[0].version for each in (unit, "", unit, "", unit)]
        assert again[::2] == [version] * 3


# units stay


@given(low=percents, high=percents)
def test_raising_a_weight_never_moves_a_unit_back(low, high):
    assume(low <= high)
    before, after = chosen(table(low), UNITS[:300]), chosen(table(high), UNITS[:300])
    assert all(now == FIRST for was, now in zip(before, after, strict=True) if was == FIRST)


@given(st.lists(st.tuples(percents, percents), min_size=2, max_size=6), st.integers(0, 2))
def test_a_unit_moves_only_by_the_weight_of_the_variant_it_comes_from_or_goes_to(steps, stable):
    # two candidates, whose weights go up and down in any order, 0 too
    steps = [(a * (1 - b / 100), b) for a, b in steps]
    slots = [slot for slot in range(3) if slot != stable]
    for old, new in itertools.pairwise(steps):
        grown = {VERSIONS[slot]: new[i] - old[i] for i, slot in enumerate(slots)}
        before, after = (chosen(table(*step, stable=stable), UNITS[:200]) for step in (old, new))
        moves = {(was, now) for was, now in zip(before, after, strict=True) if was != now}
        assert all(grown.get(was, -1) < 0 < grown.get(now, 1) for was, now in moves)


def test_a_second_candidate_moves_nobody_who_has_the_first_whichever_comes_first():
    alone, both = chosen(table(0, 20)), chosen(table(30, 20))
    assert {now for was, now in zip(alone, both, strict=True) if was == SECOND} == {SECOND}
    alone, both = chosen(table(30, 0)), chosen(table(30, 20))
    assert {now for was, now in zip(alone, both, strict=True) if was == FIRST} == {FIRST}


def test_a_unit_has_its_variant_in_every_process_after_every_start():
    code = "from tests.serving.test_routing import *; print(*chosen(table(20, 30), UNITS[:50]))"
    root = mlops_jupyter.__path__[0] + "/.."
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": root}, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert outputs == {" ".join(chosen(table(20, 30), UNITS[:50])) + "\n"}


def test_a_unit_keeps_its_variant_from_release_to_release():
    # what a release before this one chose: a change would move half of everybody's users at its upgrade
    chose_first = [version == FIRST for version in chosen(table(50), [f"user-{i}" for i in range(8)])]
    assert chose_first == [True, False, True, True, False, True, False, False]


def test_deployments_do_not_send_the_same_units_to_their_candidates():
    ours, theirs = chosen(table(10)), chosen(table(10), salt="fraud")
    both = sum(a == b == FIRST for a, b in zip(ours, theirs, strict=True))
    assert within_chance(both, 0.01, len(UNITS))


def test_a_change_of_weights_counts_from_the_next_request_on(tmp_path):
    path = tmp_path / "weights"
    create_weights(path, table(0))
    routes = WeightedRouter([Named(0, STABLE), Named(1, FIRST)], WeightsReader(path), {})
    assert routes.choose("u")[1] == "stable"
    for percent, role in [(100, "candidate"), (0, "stable")]:
        write_weights(path, table(percent))
        assert routes.choose("u")[1] == role


# whose request it is


@pytest.mark.parametrize(
    ("source", "headers", "body", "unit"),
    [
        ("header:X-User", {b"x-user": b"u1"}, b"", "u1"),
        ("header:x-user", {b"x-user": "ü".encode("latin-1")}, b"", "ü"),
        ("header:x-user", {}, b"", ""),
        ("header:x-user", {b"x-user": b"u" * 257}, b"", ""),
        ("cookie:id", {b"cookie": b"theme=dark; id=u2; x=y"}, b"", "u2"),
        ("cookie:id", {b"cookie": b'id="u 3"'}, b"", "u 3"),
        ("cookie:id", {b"cookie": b"theme=dark"}, b"", ""),
        ("cookie:id", {b"cookie": b"\xff; ;;="}, b"", ""),
        ("field:user", {}, b'{"features": {"a": 1, "user": "u4"}}', "u4"),
        ("field:user", {}, b'{"features": [{"user": 5, "a": 1}, {"user": 6}]}', "5"),
        ("field:user", {}, b'{"features": {"a": 1}}', ""),
        ("field:user", {}, b'{"features": {"user": null}}', ""),
        ("field:user", {}, b'{"features": {"user": [1]}}', ""),
        ("field:user", {}, b'{"features": []}', ""),
        ("field:user", {}, b"not JSON", ""),
        ("field:user", {}, b"[" * 5000, ""),
        ("field:user", {}, b'{"features": {"user": "\xff"}}', ""),
    ],
)
def test_a_unit_is_read_from_a_header_a_cookie_or_a_field(source, headers, body, unit):
    assert compile_unit(source)(headers, body) == unit


@pytest.mark.parametrize("source", ["x-user", "header:", "path:x", ""])
def test_a_unit_from_nowhere_is_refused(source):
    with pytest.raises(ValueError, match="a unit is header:NAME, cookie:NAME or field:NAME"):
        compile_unit(source)


def asked(gate: Gate, headers=(), body: bytes = b"{}") -> tuple[int, object]:
    """Return status and document of an answer, by the way that the door would choose."""
    pairs = [(b"host", b"127.0.0.1"), *headers]
    reply = gate.answer_now(gate.read_head(pairs), body) or asyncio.run(gate.answer(dict(pairs), body))
    return reply.outcome.status, json.loads(reply.outcome.body)


def make_gate(weights: Weights, quick: bool = True, keeper=None, **options) -> Gate:
    return Gate(router(weights, quick=quick), Meter(None, "churn"), Options(**options), keeper)


@pytest.mark.parametrize("quick", [True, False], ids=["at once", "awaited"])
def test_the_same_unit_has_the_same_variant_by_every_way(quick):
    gate = make_gate(table(50), quick)
    answers = [asked(gate, [(b"x-mlops-unit", unit.encode())])[1] for unit in UNITS[:200]]
    assert [version for version, _, _ in answers] == chosen(table(50), UNITS[:200])
    assert [unit for _, _, unit in answers] == UNITS[:200]


@pytest.mark.parametrize("quick", [True, False], ids=["at once", "awaited"])
def test_requests_of_nobody_are_divided_as_well(quick):
    gate = make_gate(table(50), quick)
    answers = [asked(gate)[1] for _ in range(300)]
    assert 60 < sum(version == FIRST for version, _, _ in answers) < 240  # ten standard deviations: by chance
    assert {unit for _, _, unit in answers} == {""}


# callers who choose


@pytest.mark.parametrize(
    ("forced", "answered"),
    [
        ("candidate", [FIRST, "candidate", "u"]),
        (FIRST, [FIRST, "candidate", "u"]),
        ("stable", [STABLE, "stable", "u"]),
        (STABLE, [STABLE, "stable", "u"]),
    ],
)
def test_a_variant_is_forced_by_role_or_version(forced, answered):
    headers = [(b"x-mlops-unit", b"u"), (b"x-mlops-variant", forced.encode())]
    for percent in (0, 100):
        assert asked(make_gate(table(percent)), headers) == (200, answered)


@pytest.mark.parametrize("forced", ["9.9.9", "shadow", "", "\xff", "x" * 10_000])
def test_a_variant_that_is_not_loaded_is_404_with_what_is(forced):
    status, answer = asked(make_gate(table(10)), [(b"x-mlops-variant", forced.encode("latin-1"))])
    assert status == 404
    assert answer["error"].endswith("is loaded here; loaded: 1.0.0 (stable), 1.1.0 (candidate)")
    assert len(answer["error"]) < 200


def test_where_keys_are_asked_for_forcing_needs_the_scope_operate(tmp_path):
    keys = (
        Key("both", digest_of(b"both"), ("predict", "operate")),
        Key("caller", digest_of(b"caller"), ("predict",)),
        Key("operator", digest_of(b"operator"), ("operate",)),
        Key("gone", digest_of(b"gone"), revoked=time.time() - 1),
    )
    write_keys(tmp_path / "keys.json", KeyFile(digest_of(b"owner"), keys))
    keeper = Doorkeeper(tmp_path, Options(), "127.0.0.1", 8080, 1)
    gate = make_gate(table(10), keeper=keeper)
    force = (b"x-mlops-variant", b"candidate")

    def status(secret: str, *headers) -> int:
        return asked(gate, [(b"authorization", f"Bearer {secret}".encode()), *headers])[0]

    assert [status(secret, force) for secret in ("both", "caller", "operator", "gone")] == [
        200,
        403,
        403,
        401,
    ]
    assert [status(secret) for secret in ("both", "caller", "operator", "gone")] == [200, 200, 403, 401]
    # whoever may not force is not told what is loaded, either
    assert status("caller", (b"x-mlops-variant", b"9.9.9")) == 403


def test_health_tells_each_variant_with_its_weight_of_now():
    entries = router(table(12.5)).describe()["variants"]
    told = [SimpleNamespace(**entry) for entry in entries]
    assert [(each.version, each.role, each.weight) for each in told] == [
        (STABLE, "stable", 87.5),
        (FIRST, "candidate", 12.5),
    ]

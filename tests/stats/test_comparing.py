"""Every column of either window is compared, judged and ranked; none is left out, none stops the others."""

from collections import Counter

import numpy as np
import pytest

from mlops_jupyter.errors import DataError, NotFoundError, UsageError
from mlops_jupyter.stats.categorical_profile import categorical_profile
from mlops_jupyter.stats.comparing import compare
from mlops_jupyter.stats.counting import NumericCounter, reference_profile
from mlops_jupyter.stats.measures import LIMITS, MEASURES
from mlops_jupyter.stats.profiles import Profile, Unreadable
from mlops_jupyter.stats.rebinning import rebinned
from mlops_jupyter.stats.verdicts import UNREACHABLE

RNG = np.random.default_rng(17)
ROWS = 20_000


def normal(rows=ROWS, shift=0.0, scale=1.0):
    return RNG.normal(shift, scale, rows)


def letters(rows=ROWS, known="ABCDE", p=None):
    return RNG.choice(list(known), rows, p=p).tolist()


def numbers(values, reference=None, kind="numeric"):
    if reference is None:
        return reference_profile(np.asarray(values, dtype=float), kind)
    counter = NumericCounter(reference.edges, kind)
    counter.add(np.asarray(values, dtype=float))
    return counter.profile()


def levels(values, reference=None, kind="categorical"):
    counts = Counter(value for value in values if value is not None)
    return categorical_profile(counts, values.count(None), reference, kind)


def window(**columns):
    return Profile(columns, max(column.rows for column in columns.values()))


def drift_of(before, now, *, make=numbers, name="x", kind=None, **options):
    named = {} if kind is None else {"kind": kind}
    reference = make(before, **named)
    current = make(now, reference, **named)
    return compare(window(**{name: reference}), window(**{name: current}), **options)[name]


def comparison(**options):
    before = {"same": normal(), "moved": normal(), "wider": normal(), "carrier": letters()}
    now = {
        "same": normal(),
        "moved": normal(shift=0.6),
        "wider": normal(scale=1.4),
        "carrier": letters(p=[0.4, 0.3, 0.1, 0.1, 0.1]),
    }
    make = {name: levels if name == "carrier" else numbers for name in before}
    reference = {name: make[name](values) for name, values in before.items()}
    current = {name: make[name](values, reference[name]) for name, values in now.items()}
    return compare(window(**reference), window(**current), **options)


def test_columns_are_ranked_by_verdict_then_by_effect():
    found = comparison()
    assert [column.name for column in found.columns] == ["carrier", "moved", "wider", "same"]
    assert [column.verdict for column in found.columns] == ["CRITICAL", "CRITICAL", "WARNING", "OK"]
    assert not found.ok
    assert found.counts == {"CRITICAL": 2, "INVALID": 0, "WARNING": 1, "INCONCLUSIVE": 0, "OK": 1}


def test_the_shares_of_the_whole_drift_add_to_one():
    assert sum(column.share for column in comparison().columns) == pytest.approx(1)


def test_windows_of_one_distribution_are_ok():
    found = drift_of(normal(), normal())
    assert (found.verdict, found.reason, found.words) == ("OK", "", [])


@pytest.mark.parametrize("measure", MEASURES)
def test_another_measure_judges_what_was_measured_once(measure):
    again, anew = comparison().judged(measure), comparison(measure=measure)
    assert again.measure == measure
    assert {c.name: c.verdict for c in again.columns} == {c.name: c.verdict for c in anew.columns}


def test_other_limits_move_verdicts_and_rows_needed():
    found = comparison().judged(limits={"psi": (0.5, 1.0)})
    assert found.limits["psi"] == (0.5, 1.0)
    assert found.limits["ks"] == LIMITS["ks"]
    assert found["moved"].verdict == "OK"
    assert found["moved"].rows_needed < comparison()["moved"].rows_needed


@pytest.mark.parametrize(
    ("measure", "numeric", "categorical"),
    [("ks", "ks", "tv"), ("cramers_v", "js", "cramers_v"), ("mean", "mean", "tv"), ("tv", "js", "tv")],
)
def test_a_column_without_the_measure_is_judged_by_another(measure, numeric, categorical):
    found = comparison(measure=measure)
    assert (found["moved"].selected.measure, found["carrier"].selected.measure) == (numeric, categorical)


def test_p_values_are_adjusted_for_the_number_of_columns():
    found = comparison()
    ks = [column.effects["ks"] for column in found.columns if "ks" in column.effects]
    assert all(effect.p <= effect.p_adjusted for effect in ks)
    assert found["same"].effects["ks"].p_adjusted == max(effect.p for effect in ks)


def test_roles_are_kept():
    found = comparison(roles={"moved": "score"})
    assert (found["moved"].role, found["same"].role) == ("score", "feature")


def test_an_unknown_measure_lists_those_known():
    with pytest.raises(
        UsageError, match=r"no measure named 'kl'.*cramers_v, js, ks, mean, missing, psi, tv, wasserstein"
    ):
        comparison(measure="kl")


@pytest.mark.parametrize("pair", [("a", "b"), (0.2, 0.1), (-1, 1), (0.1,), None, (0.1, float("nan")), 0.2])
def test_limits_that_are_no_two_numbers_are_refused(pair):
    with pytest.raises(UsageError, match="the limits of psi are"):
        comparison(limits={"psi": pair})


@pytest.mark.parametrize("which", ["the reference", "the current window"])
def test_a_window_without_rows_is_one_clear_error(which):
    full = window(x=numbers(normal(10)))
    pair = (Profile(), full) if which == "the reference" else (full, Profile())
    with pytest.raises(DataError, match=f"{which} has no rows"):
        compare(*pair)


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(NotFoundError, match=r"no column named 'movd'; did you mean moved\?"):
        comparison()["movd"]


@pytest.mark.parametrize("rows", [1, 5, 29])
@pytest.mark.parametrize("shift", [0, 5])
def test_a_handful_of_rows_is_inconclusive_and_says_how_many_it_takes(rows, shift):
    found = drift_of(normal(), normal(rows, shift))
    assert found.verdict == "INCONCLUSIVE"
    assert found.reason == f"{rows} row{'s' if rows > 1 else ''}; a verdict takes {found.rows_needed}"
    assert found.words == []


@pytest.mark.parametrize("measure", ["psi", "ks", "mean", "missing"])
def test_five_missing_values_are_inconclusive_by_every_measure(measure):
    assert drift_of(normal(), np.full(5, np.nan), measure=measure).verdict == "INCONCLUSIVE"


def test_rows_without_a_value_do_not_count_towards_the_rows_that_a_distance_takes():
    before, now = (np.append(normal(n), np.full(9_900, np.nan)) for n in (ROWS, 100))
    assert (
        drift_of(before, now, measure="ks", limits={"missing": (1, 1)}).reason
        == "100 rows; a verdict takes 187"
    )


def test_a_reference_that_is_too_short_says_so():
    found = drift_of(normal(50), normal())
    assert (found.verdict, found.rows_needed) == ("INCONCLUSIVE", UNREACHABLE)
    assert found.reason == "the reference has too few rows for a verdict, however long the window"


def test_the_rows_needed_are_enough_for_an_effect_of_the_critical_size():
    needed = drift_of(normal(), normal()).rows_needed
    shift = 0.455  # PSI 0.2
    found = [drift_of(normal(), normal(needed, shift)).verdict for _ in range(20)]
    assert sum(verdict in ("WARNING", "CRITICAL") for verdict in found) >= 9


INVALID = {
    "arrives as text, was float64: 'abc'": (
        numbers(normal(9)),
        Unreadable("x", "arrives as text, was float64: 'abc'", 9),
    ),
    "cannot be read in the reference: mixed types": (Unreadable("x", "mixed types", 9), numbers(normal(9))),
    "is missing: the reference has it": (numbers(normal(9)), None),
    "is not in the reference: there is nothing to compare it with": (None, numbers(normal(9))),
    "arrives as categorical, was numeric": (numbers(normal(9)), levels(letters(9))),
    "arrives as text, was numeric": (numbers(np.arange(9.0)), numbers(np.arange(9.0), kind="text")),
    "was profiled by other edges": (numbers(np.arange(9.0)), numbers(np.arange(8.0))),
    "was profiled by other levels": (levels(["a"]), levels(["b"])),
}


@pytest.mark.parametrize("reason", INVALID)
def test_a_column_that_cannot_be_compared_is_invalid_and_the_others_go_on(reason):
    before, now = INVALID[reason]
    good = numbers(normal())
    sides = [{"x": one} if one else {} for one in (before, now)]
    found = compare(window(good=good, **sides[0]), window(good=good, **sides[1]))
    assert found["x"].verdict == "INVALID"
    assert found["x"].reason.startswith(reason)
    assert found["good"].verdict == "OK"
    assert not found.ok


def test_half_the_values_missing_is_critical_by_every_measure():
    found = drift_of(normal(), np.where(RNG.random(ROWS) < 0.5, np.nan, normal()), measure="ks")
    assert found.verdict == "CRITICAL"
    assert found.reason.startswith("missing in ")
    assert found.missing == pytest.approx((0, 0.5), abs=0.02)


def test_a_column_all_missing_is_critical():
    assert drift_of(normal(), np.full(ROWS, np.nan)).verdict == "CRITICAL"
    assert drift_of(letters(), [None] * ROWS, make=levels).verdict == "CRITICAL"
    assert drift_of(np.full(ROWS, np.nan), normal()).verdict == "CRITICAL"
    assert drift_of(np.full(ROWS, np.nan), np.full(ROWS, np.nan)).verdict == "OK"


def test_a_few_infinite_values_are_a_warning():
    found = drift_of(normal(), np.append(normal(), [np.inf] * 10))
    assert (found.verdict, found.reason) == ("WARNING", "10 infinite values; the reference has none")


def test_infinite_values_alone_are_no_numbers():
    assert drift_of(normal(), np.full(ROWS, np.inf)).verdict == "CRITICAL"
    assert drift_of(np.full(ROWS, np.inf), normal()).verdict == "CRITICAL"


def test_a_column_that_becomes_constant_is_critical():
    found = drift_of(normal(), np.zeros(ROWS))
    assert (found.verdict, found.reason) == ("CRITICAL", "is constant now: 0")
    found = drift_of(letters(), ["A"] * ROWS, make=levels, measure="missing")
    assert (found.verdict, found.reason) == ("CRITICAL", "is constant now: `A`")


def test_a_column_that_is_nearly_constant_may_be_so_by_chance():
    rare = np.where(RNG.random(ROWS) < 0.001, 1.0, 0.0)
    assert drift_of(rare, np.zeros(400)).verdict == "OK"


def test_a_column_that_was_constant_and_varies_is_critical():
    found = drift_of(np.ones(ROWS), normal())
    assert found.verdict == "CRITICAL"
    assert found.reason == "100 % of the values are not 1, which all of the reference are"


def test_a_column_constant_in_both_windows_is_ok():
    assert drift_of(np.ones(ROWS), np.ones(ROWS)).verdict == "OK"


def test_values_out_of_the_references_range_raise_the_verdict():
    found = drift_of(RNG.random(ROWS), np.append(RNG.random(ROWS), np.full(600, 1.5)), measure="mean")
    assert found.verdict == "WARNING"
    assert "out of the reference's range" in found.reason
    assert found.out_of_range == pytest.approx(600 / (ROWS + 600), rel=0.02)


def test_the_range_of_a_short_reference_is_no_alarm():
    found = [drift_of(normal(100), normal(), measure="missing").verdict for _ in range(30)]
    assert found.count("CRITICAL") == 0


def test_what_psi_cannot_see_for_one_frequent_value_is_judged_by_kolmogorov_and_smirnov():
    found = drift_of(RNG.random(ROWS) < 0.95, RNG.random(ROWS) < 0.5)
    assert found.effects["psi"].value == 0
    assert found.verdict == "CRITICAL"
    assert found.reason.startswith("one value fills PSI's bins, but KS is 0.4")


@pytest.mark.parametrize("measure", ["psi", "ks", "js", "wasserstein"])
def test_one_outlier_neither_hides_nor_makes_drift(measure):
    drifted = normal(5_000, 0.5)
    drifted[0] = 1e6
    assert drift_of(normal(5_000), drifted, measure=measure).verdict in ("WARNING", "CRITICAL")
    spoilt = normal(5_000)
    spoilt[0] = 1e12
    assert drift_of(spoilt, normal(5_000, 0.5), measure=measure).verdict in ("WARNING", "CRITICAL")
    assert drift_of(normal(5_000), spoilt, measure=measure).verdict == "OK"


def test_a_new_level_is_found_and_named():
    found = drift_of(letters(), letters(known="ABCDEF", p=[0.19] * 5 + [0.05]), make=levels, measure="tv")
    assert found.verdict == "WARNING"
    assert found.reason.startswith("new: `F`, ")
    assert found.new_levels[0][0] == "F"
    assert found.new_levels[0][1] == pytest.approx(0.05, abs=0.01)


def test_a_level_that_is_gone_is_found_and_named():
    found = drift_of(letters(), letters(known="ABCD"), make=levels, measure="missing")
    assert found.verdict == "CRITICAL"
    assert (found.vanished, found.reason.split(",")[0]) == (["E"], "gone: `E`")


def test_a_rare_level_may_be_gone_by_chance():
    assert drift_of([*letters(), "Z"], letters(500), make=levels).vanished == []


@pytest.mark.parametrize("rows", [1_000, ROWS])
def test_thousands_of_levels_drawn_alike_are_no_drift(rows):
    def many(count):
        return [f"l{n}" for n in RNG.integers(0, 3_000, count)]

    assert drift_of(many(100_000), many(rows), make=levels).verdict in ("OK", "INCONCLUSIVE")


def test_names_that_never_come_twice_are_no_drift():
    assert (
        drift_of([f"a{n}" for n in range(ROWS)], [f"b{n}" for n in range(ROWS)], make=levels).verdict == "OK"
    )


def test_booleans_and_datetimes_and_texts_are_compared():
    flags = drift_of([True] * 300 + [False] * 700, [True] * 600 + [False] * 400, make=levels, kind="boolean")
    times = drift_of(1.38e9 + RNG.random(ROWS) * 1e6, 1.3805e9 + RNG.random(ROWS) * 1e6, kind="datetime")
    texts = drift_of(RNG.poisson(50, ROWS), RNG.poisson(70, ROWS), kind="text")
    assert [flags.kind, times.kind, texts.kind] == ["boolean", "datetime", "text"]
    assert [flags.verdict, times.verdict, texts.verdict] == ["CRITICAL"] * 3


def test_quantiles_are_compared():
    shift = {at: now - before for at, before, now in drift_of(normal(), normal(shift=2)).quantile_shift}
    assert list(shift) == [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert all(by == pytest.approx(2, abs=0.15) for by in shift.values())


def test_a_profile_on_other_edges_is_known_to_within_its_error():
    before, now = normal(60_000), normal(50_000, 0.3)
    reference = numbers(before)
    moved, error = rebinned(numbers(now, numbers(normal(30_000))), reference.edges)
    exact = numbers(now, reference)
    assert 0 < error < 0.01
    assert np.abs(np.cumsum(moved.counts) - np.cumsum(exact.counts)).max() <= error * moved.count + 1
    assert (moved.counts.sum(), moved.mean) == (exact.count, exact.mean)


def test_a_profile_with_raw_values_is_counted_anew_without_error():
    reference = numbers(normal())
    moved, error = rebinned(numbers(normal(500)), reference.edges)
    assert error == 0
    assert np.array_equal(moved.counts, numbers(moved.sample, reference).counts)


def test_a_profile_on_its_own_edges_is_itself():
    profile = numbers(normal())
    assert rebinned(profile, profile.edges)[0] is profile


def test_an_effect_that_its_error_may_carry_over_a_limit_is_inconclusive():
    coarse = reference_profile(normal(), cells=12)
    reference = numbers(normal(60_000))
    counter = NumericCounter(coarse.edges)
    counter.add(normal(50_000, 0.507))  # Kolmogorov-Smirnov: 0.2
    moved, error = rebinned(counter.profile(), reference.edges)
    found = compare(window(x=reference), window(x=moved), measure="ks")["x"]
    assert error > 0.01
    assert found.verdict == "INCONCLUSIVE"
    assert "counted by another reference's edges" in found.reason

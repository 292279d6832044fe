"""Hourly profiles: each hour is counted once, and what was counted stays when its rows are gone."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import timedelta

import numpy as np
import pytest

from mlops_jupyter.capture import hourly
from mlops_jupyter.capture.captured import captured_table
from mlops_jupyter.capture.files import captured_files
from mlops_jupyter.capture.hourly import hourly_profiles
from mlops_jupyter.capture.keeping import FOLDER, prune
from mlops_jupyter.capture.windows import HOUR, Window
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import Profile, Unreadable, merged
from tests.capture.conftest import THEN

FIVE = Window(THEN, THEN + 5 * HOUR)
RNG = np.random.default_rng(0)
REFERENCE = profile_table({
    "distance": RNG.uniform(0, 400, 2000), "origin": RNG.choice(["JFK", "LGA"], 2000),
    "hour": RNG.integers(0, 24, 2000), "night": RNG.random(2000) < 0.5,
    "prediction": RNG.integers(0, 2, 2000),
    "score.0": RNG.random(2000), "score.1": RNG.random(2000),
})  # fmt: skip


def minutes(count: int, start=THEN):
    return [start + timedelta(minutes=number) for number in range(count)]


def profiles(traffic, window=FIVE, **more):
    return hourly_profiles(traffic.folder, "1.0.0", REFERENCE, window, **more)


def by_hour(found) -> dict[int, int]:
    return {(hour - THEN) // HOUR: profile.rows for hour, profile in found}


def kept(traffic) -> list[str]:
    return sorted(path.name for path in (traffic.folder / FOLDER).rglob("*.profile"))


def same(one: Profile, other: Profile) -> bool:
    """Return whether two profiles say the same of all columns."""
    assert one.columns.keys() == other.columns.keys()
    return all(same_column(one.columns[name], other.columns[name]) for name in one.columns)


def same_column(one, other) -> bool:
    if not isinstance(one, NumericProfile):
        return (one.levels, one.new, one.missing) == (other.levels, other.new, other.missing)
    moments = np.allclose(
        [one.mean, one.m2, one.minimum, one.maximum], [other.mean, other.m2, other.minimum, other.maximum]
    )
    return (
        moments
        and (one.counts == other.counts).all()
        and (one.missing, one.count) == (other.missing, other.count)
    )


@pytest.fixture
def counted(monkeypatch):
    """How many rows were profiled each time."""
    rows = []
    real = hourly.profile_table

    def count(table, reference):
        rows.append(sum(batch.num_rows for batch in table.captured.batches()))
        return real(table, reference)

    monkeypatch.setattr(hourly, "profile_table", count)
    return rows


def test_together_they_are_what_one_pass_over_all_rows_says(traffic):
    traffic.send(minutes(150))
    traffic.send(minutes(130, THEN + HOUR / 3))
    found = profiles(traffic)
    assert by_hour(found) == {0: 100, 1: 120, 2: 60}
    at_once = profile_table(captured_table(traffic.folder, "1.0.0", FIVE), REFERENCE)
    assert same(merged([profile for _, profile in found]), at_once)
    again = profiles(traffic)  # now those that were kept
    assert same(merged([profile for _, profile in again]), at_once)
    assert [(profile.begun, profile.ended) for _, profile in again] == [
        (THEN + number * HOUR, THEN + (number + 1) * HOUR) for number in range(3)
    ]


def test_an_hour_is_counted_once(traffic, counted):
    traffic.send(minutes(150))
    profiles(traffic)
    assert counted == [60, 60, 30]
    profiles(traffic)
    profiles(traffic, Window(THEN - HOUR, THEN + 2 * HOUR))
    assert len(counted) == 3
    assert kept(traffic) == ["20261120T10Z.profile", "20261120T11Z.profile", "20261120T12Z.profile"]


def test_a_late_row_alone_is_added(traffic, counted):
    traffic.send(minutes(150))
    profiles(traffic)
    traffic.send(minutes(2, THEN + HOUR))
    assert by_hour(profiles(traffic)) == {0: 60, 1: 62, 2: 30}
    assert counted == [60, 60, 30, 2]
    assert by_hour(profiles(traffic)) == {0: 60, 1: 62, 2: 30}


def test_rows_behind_those_of_a_file_that_grew_are_added(traffic, counted):
    traffic.send(minutes(150))
    traffic.send(minutes(90))
    first, second = (file.path for file in captured_files(traffic.folder))
    later = second.read_bytes()
    second.unlink()
    whole = first.read_bytes()
    profiles(traffic)
    first.write_bytes(whole[:-8] + later[len(later) - len(_body(later)) :])
    assert by_hour(profiles(traffic)) == {0: 120, 1: 90, 2: 30}
    assert counted == [60, 60, 30, 60, 30]


def _body(data: bytes) -> bytes:
    """Return a stream without its schema, whose message is the first."""
    length = int.from_bytes(data[4:8], "little")
    return data[8 + length :]


def test_what_was_counted_stays_when_its_rows_have_had_their_time(traffic):
    traffic.send(minutes(150))
    before = profiles(traffic)
    shutil.rmtree(traffic.folder / "capture")
    after = profiles(traffic)
    assert by_hour(after) == by_hour(before)
    assert same(merged([each for _, each in before]), merged([each for _, each in after]))
    traffic.send(minutes(1))
    assert by_hour(profiles(traffic)) == {0: 61, 1: 60, 2: 30}


def test_the_present_hour_and_parts_of_hours_are_counted_and_not_kept(traffic):
    traffic.send(minutes(150))
    window = Window(THEN + HOUR / 2, THEN + 2.25 * HOUR)
    assert by_hour(profiles(traffic, window)) == {0: 30, 1: 60, 2: 15}
    assert kept(traffic) == ["20261120T11Z.profile"]
    found = profiles(traffic, now=THEN + 1.5 * HOUR)
    assert by_hour(found) == {0: 60, 1: 60, 2: 30}
    assert kept(traffic) == ["20261120T10Z.profile", "20261120T11Z.profile"]


def test_variants_are_kept_apart(traffic):
    traffic.send(minutes(60))
    traffic.send(minutes(30), role="candidate")
    traffic.send(minutes(10), role="shadow")
    rows = {
        variant: by_hour(profiles(traffic, variant=variant))
        for variant in (None, "stable", "candidate", "shadow")
    }
    assert rows == {None: {0: 90}, "stable": {0: 60}, "candidate": {0: 30}, "shadow": {0: 10}}
    assert kept(traffic) == [
        "20261120T10Z-candidate.profile", "20261120T10Z-shadow.profile", "20261120T10Z-stable.profile",
        "20261120T10Z.profile",
    ]  # fmt: skip


def test_rows_that_were_refused_count_for_nothing(traffic, counted):
    traffic.send(minutes(20), status=422)
    traffic.send(minutes(10))
    assert by_hour(profiles(traffic)) == {0: 10}
    assert by_hour(profiles(traffic)) == {0: 10}
    assert counted == [10]


def test_another_reference_has_profiles_of_its_own(traffic):
    traffic.send(minutes(60))
    profiles(traffic)
    other = profile_table({"distance": RNG.normal(0, 1, 500)})
    [(_, profile)] = hourly_profiles(traffic.folder, "1.0.0", other, FIVE)
    assert isinstance(profile.columns["hour"], Unreadable)
    assert len({path.parent for path in (traffic.folder / FOLDER).rglob("*.profile")}) == 2


def test_a_kept_profile_that_is_damaged_is_made_again(traffic):
    traffic.send(minutes(60))
    [(_, before)] = profiles(traffic)
    for damage in (b"", b"no profile", None):
        [path] = (traffic.folder / FOLDER).rglob("*.profile")
        path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
        [(_, after)] = profiles(traffic)
        assert same(before, after)
    hours = next((traffic.folder / FOLDER).rglob("hours.json"))
    hours.write_bytes(b"{")
    assert by_hour(profiles(traffic)) == {0: 60}


def test_where_nothing_can_be_kept_all_is_counted_again(traffic, monkeypatch, counted):
    traffic.send(minutes(60))
    (traffic.folder / FOLDER).write_text("a file in the way")
    assert [by_hour(profiles(traffic)), by_hour(profiles(traffic))] == [{0: 60}, {0: 60}]
    assert counted == [60, 60]


def test_what_was_kept_longest_ago_goes_where_it_is_too_much(traffic):
    traffic.send(minutes(180))
    profiles(traffic)
    sizes = {}
    for number, path in enumerate(sorted((traffic.folder / FOLDER).rglob("*.profile"), reverse=True)):
        os.utime(path, (number, number))
        sizes[path.name] = path.stat().st_size
    assert prune(traffic.folder / FOLDER, sum(sizes.values())) == 0
    assert prune(traffic.folder / FOLDER, sum(sizes.values()) - 1) == 1
    assert kept(traffic) == ["20261120T10Z.profile", "20261120T11Z.profile"]
    assert by_hour(profiles(traffic)) == {0: 60, 1: 60, 2: 60}


def test_hidden_columns_stay_in_it_and_say_why(traffic):
    traffic.send(minutes(5), capture_masked=("distance",))
    [(_, profile)] = profiles(traffic)
    [(_, again)] = profiles(traffic)
    for each in (profile, again):
        assert each.columns["distance"].why == "is masked: its values are not captured"
        assert each.columns["hour"].rows == 5


def test_two_who_look_at_once_do_not_mix(traffic):
    traffic.send(minutes(250))
    found: list[dict] = []
    threads = [threading.Thread(target=lambda: found.append(by_hour(profiles(traffic)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{0: 60, 1: 60, 2: 60, 3: 60, 4: 10}] * 4
    assert by_hour(profiles(traffic)) == found[0]
    assert list((traffic.folder / FOLDER).rglob("*.new")) == []


def test_many_hours_of_one_file_are_counted(traffic):
    days = Window(THEN - timedelta(days=6), THEN)
    traffic.send([days.since + number * HOUR for number in range(144)])
    found = profiles(traffic, days)
    assert [profile.rows for _, profile in found] == [1] * 144
    assert [hour for hour, _ in found] == [days.since + number * HOUR for number in range(144)]


def test_where_nothing_was_captured_there_is_no_hour(traffic):
    assert profiles(traffic) == []
    assert not (traffic.folder / FOLDER).exists()

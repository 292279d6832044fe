"""A profile in a file is the profile that was written, or a clear word why not."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_jupyter.errors import DataError, NotFoundError
from mlops_jupyter.profiles.files import as_bytes, is_profile, read_profile, write_profile
from mlops_jupyter.profiles.profiling import profile_table
from tests.profiles.sources import make_frame

ABOUT = {"label": "train", "roles": {"late": "prediction"}}


@pytest.fixture(scope="module")
def profile():
    return profile_table(make_frame())


@pytest.fixture
def path(profile, tmp_path):
    write_profile(tmp_path / "train.profile", profile, ABOUT)
    return tmp_path / "train.profile"


def test_a_profile_comes_back_as_it_was(profile, path):
    found = read_profile(path)
    assert found.about == ABOUT
    assert found.profile.rows == profile.rows
    for name, column in profile.columns.items():
        other = found.profile.columns[name]
        assert (other.kind, other.count, other.missing) == (column.kind, column.count, column.missing)
        if hasattr(column, "edges"):
            assert np.array_equal(other.counts, column.counts)
            assert other.edges.digest == column.edges.digest
        else:
            assert other.levels == column.levels


def test_a_file_says_what_each_column_is(path):
    roles = read_profile(path).roles
    assert (roles["late"], roles["delay"]) == ("prediction", "feature")


def test_the_same_profile_is_the_same_bytes(profile):
    again = profile_table(make_frame())
    assert as_bytes(again, ABOUT) == as_bytes(profile, dict(reversed(ABOUT.items())))


def test_a_column_takes_less_than_forty_kilobytes(profile):
    assert len(as_bytes(profile, ABOUT)) < 40_000 * len(profile.columns)


def test_nothing_is_left_of_a_profile_that_could_not_be_written(profile, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_profile(tmp_path / "folder", profile, ABOUT)
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_is_no_profile_is_told_in_one_line(tmp_path):
    (tmp_path / "x.profile").write_text("no")
    with pytest.raises(
        DataError, match=r"x.profile is no profile; write one with %mlops profile DATA --to FILE"
    ):
        read_profile(tmp_path / "x.profile")
    assert not is_profile(tmp_path / "x.profile")


def test_a_profile_that_is_not_there_lists_the_nearest(path):
    with pytest.raises(
        NotFoundError, match=r"there is no profile .*trian.profile'; did you mean train.profile"
    ):
        read_profile(path.with_name("trian.profile"))


@pytest.mark.parametrize("kept", [18, 40, 200, 0.5, -1])
def test_a_profile_that_was_cut_off_is_told_as_damaged(path, kept):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    assert is_profile(path)
    with pytest.raises(DataError, match=r"damaged|no profile"):
        read_profile(path)

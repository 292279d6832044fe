"""Large writes past the page cache: the same bytes, wherever they begin and end."""

from __future__ import annotations

import errno
import fcntl
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.recording import direct
from mlops_jupyter.serving.recording.direct import BLOCK, LEAST, DirectWriter

LENGTHS = st.one_of(
    st.integers(1, 3 * BLOCK),
    st.integers(LEAST - 2, LEAST + 2 * BLOCK),
    st.sampled_from([BLOCK, LEAST, 2**20 + 5]),
)
RANDOM = np.random.default_rng(0).bytes(2**21)

only_direct = pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="this system has no direct writes")


@pytest.fixture
def opened(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    yield descriptor, tmp_path / "file"
    os.close(descriptor)


def write_all(writer, descriptor, data, offset):
    left = memoryview(data)
    while left:
        written = writer.write(descriptor, left, offset)
        left, offset = left[written:], offset + written
    return offset


@given(st.lists(LENGTHS, max_size=12))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_what_is_there(tmp_path_factory, lengths):
    path, writer, offset = tmp_path_factory.mktemp("direct") / "file", DirectWriter(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    for length in lengths:
        offset = write_all(writer, descriptor, RANDOM[:length], offset)
        assert path.stat().st_size == offset
    os.close(descriptor)
    assert path.read_bytes() == b"".join(RANDOM[:length] for length in lengths)


def test_the_descriptor_is_left_as_it_was(opened):
    before = fcntl.fcntl(opened[0], fcntl.F_GETFL)
    write_all(DirectWriter(), opened[0], RANDOM, 0)
    assert fcntl.fcntl(opened[0], fcntl.F_GETFL) == before


@only_direct
def test_where_there_are_no_direct_writes_the_usual_way_is_taken(opened, monkeypatch):
    pwrite, refused = os.pwrite, []

    def without_direct(descriptor, data, offset):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            refused.append(len(data))
            raise OSError(errno.EINVAL, "Invalid argument")
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", without_direct)
    writer = DirectWriter()
    write_all(writer, opened[0], RANDOM, 0)
    assert opened[1].read_bytes() == RANDOM
    assert len(refused) == 1
    assert not writer.wanted


@only_direct
def test_a_slow_disk_is_left_to_the_system_until_the_next_file(opened, monkeypatch):
    monkeypatch.setattr(direct, "_EXPECTED", 1e15)
    monkeypatch.setattr(direct, "_PATIENCE", 0.0)
    writer = DirectWriter()
    write_all(writer, opened[0], RANDOM, 0)
    assert opened[1].read_bytes() == RANDOM
    assert not writer.wanted
    writer.try_again()
    assert writer.wanted


def test_a_full_disk_is_told(opened, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        DirectWriter().write(opened[0], memoryview(RANDOM), 0)

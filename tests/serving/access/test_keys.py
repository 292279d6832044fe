"""The keys of a deployment: what a file of them lets in, and how soon a change of it is seen."""

from __future__ import annotations

import math
import os
import timeit

import orjson
import pytest

from mlops_jupyter.serving.access import keys
from mlops_jupyter.serving.access.keys import (
    OWNER,
    Key,
    KeyFile,
    KeyRing,
    KeysUnreadable,
    digest_of,
    read_keys,
    write_keys,
)

OWNERS = digest_of(b"of the owner")
KEY = Key("k1", digest_of(b"secret"), ("predict",), 1.0, 2e9, math.inf, 10.0, 20, "the shop")
WRONG = (
    {"sha256": "no hex"},
    {"sha256": ""},
    {"scopes": [1]},
    {"scopes": "predict"},
    {"expires": "soon"},
    {"rate": "fast"},
    {"burst": []},
    {"id": 3},
)


def entry(**wrong: object) -> bytes:
    """A file of keys whose only key has something wrong with it."""
    return orjson.dumps({"owner": OWNERS, "keys": [KEY.to_document() | wrong]})


@pytest.fixture
def path(tmp_path):
    write_keys(tmp_path / "keys.json", KeyFile(OWNERS, (KEY,)))
    return tmp_path / "keys.json"


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(keys, "monotonic", clock)
    return clock


def test_keys_are_read_as_they_were_written_and_only_their_owner_can(path):
    assert read_keys(path) == KeyFile(OWNERS, (KEY,))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(path):
    path.chmod(0o644)
    write_keys(path, KeyFile(OWNERS))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_without_keys_asks_for_none(tmp_path):
    ring = KeyRing(tmp_path / "keys.json")
    assert (ring.required, ring.readable, ring.find(b"secret")) == (False, True, None)


def test_a_closed_ring_without_a_file_lets_nobody_in(tmp_path):
    ring = KeyRing(tmp_path / "keys.json", closed=True)
    assert (ring.required, ring.find(b"secret")) == (True, None)


def test_a_secret_is_found_by_its_hash_and_the_hash_is_no_secret(path):
    ring = KeyRing(path)
    assert ring.required
    assert ring.find(b"secret") == KEY
    assert ring.find(b"of the owner").id == OWNER
    assert ring.find(KEY.sha256.encode()) is None
    assert ring.find(bytes.fromhex(KEY.sha256)) is None


def test_a_change_is_seen_at_the_next_look_and_looks_are_rare(path, clock):
    ring = KeyRing(path)
    write_keys(path, KeyFile(OWNERS))
    clock.now += keys.LOOK_EVERY / 2
    ring.look()
    assert ring.find(b"secret") == KEY
    clock.now += keys.LOOK_EVERY / 2
    ring.look()
    assert ring.find(b"secret") is None


def test_keys_made_while_it_serves_are_asked_for(tmp_path, clock):
    ring = KeyRing(tmp_path / "keys.json")
    write_keys(tmp_path / "keys.json", KeyFile(OWNERS, (KEY,)))
    clock.now += keys.LOOK_EVERY
    ring.look()
    assert ring.required
    assert ring.find(b"secret") == KEY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"owner": "x", "keys": [',
        b'{"owner": 3, "keys": []}',
        b'{"owner": "no hex", "keys": []}',
        b'{"owner": "abcd", "keys": []}',
        b"\xff",
        *(entry(**wrong) for wrong in WRONG),
    ],
)
def test_a_file_that_cannot_be_understood_lets_nobody_in_until_it_can(path, clock, content):
    ring = KeyRing(path)
    good = path.read_bytes()
    path.write_bytes(content)
    clock.now += keys.LOOK_EVERY
    ring.look()
    assert (ring.required, ring.readable) == (True, False)
    assert ring.find(b"secret") is None
    assert ring.find(b"of the owner") is None
    path.write_bytes(good)
    clock.now += keys.LOOK_EVERY
    ring.look()
    assert ring.find(b"secret") == KEY


def test_a_file_that_may_not_be_read_lets_nobody_in(path, clock, monkeypatch):
    ring = KeyRing(path)
    os.utime(path, (1, 1))

    def refuse(_: object) -> KeyFile:
        raise KeysUnreadable("permission denied")

    monkeypatch.setattr(keys, "read_keys", refuse)
    clock.now += keys.LOOK_EVERY
    ring.look()
    assert (ring.required, ring.readable) == (True, False)


def test_a_look_that_is_not_due_costs_next_to_nothing(path):
    assert min(timeit.repeat(KeyRing(path).look, number=1000, repeat=50)) / 1000 < 2e-6

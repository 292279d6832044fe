"""Whether a request may come in."""

from __future__ import annotations

import time

import pytest

from mlops_jupyter.serving.access import SCOPES, Doorkeeper, Refused, keys
from mlops_jupyter.serving.access.doorkeeper import secret_in
from mlops_jupyter.serving.access.keys import Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.access.rates import Buckets
from mlops_jupyter.serving.options import Options

HOST = {b"host": b"127.0.0.1:8080"}


def door(folder, host: str = "127.0.0.1", workers: int = 1, **options) -> Doorkeeper:
    return Doorkeeper(folder, Options(**options), host, 8080, workers)


def bearing(secret: str) -> dict[bytes, bytes]:
    return HOST | {b"authorization": f"Bearer {secret}".encode()}


def refusal(keeper: Doorkeeper, headers, scope="predict") -> Refused:
    with pytest.raises(Refused) as caught:
        keeper.admit(headers, scope)
    return caught.value


def comes_in(keeper: Doorkeeper, secret: str) -> bool:
    try:
        return bool(keeper.admit(bearing(secret), "predict"))
    except Refused:
        return False


@pytest.fixture
def folder(tmp_path):
    known = (
        Key("all", digest_of(b"all")),
        Key("predict", digest_of(b"predict"), ("predict",)),
        Key("old", digest_of(b"old"), expires=time.time() - 1),
        Key("young", digest_of(b"young"), expires=time.time() + 60),
        Key("gone", digest_of(b"gone"), revoked=time.time() - 1),
        Key("slow", digest_of(b"slow"), rate=0.01, burst=2),
    )
    write_keys(tmp_path / "keys.json", KeyFile(digest_of(b"owner"), known))
    return tmp_path


def test_without_keys_on_this_machine_everybody_comes_in(tmp_path):
    keeper = door(tmp_path)
    assert keeper.idle
    assert [keeper.admit(HOST, scope) for scope in SCOPES] == ["", "", ""]


def test_a_package_that_serves_itself_has_no_keys():
    assert door(None, host="0.0.0.0").admit({}, "predict") == ""


def test_beyond_this_machine_nobody_comes_in_without_a_key_unless_told_so(tmp_path):
    assert refusal(door(tmp_path, host="0.0.0.0"), {}).status == 401
    assert door(tmp_path, host="0.0.0.0", insecure=True).admit({}, "predict") == ""


def test_keys_count_beyond_this_machine_too_even_when_it_was_open(folder):
    keeper = door(folder, host="0.0.0.0", insecure=True)
    assert refusal(keeper, {}).status == 401
    assert keeper.admit({b"authorization": b"Bearer all"}, "predict") == "all"


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer all"},
        {b"authorization": b"bearer  all "},
        {b"x-api-key": b"all"},
        {b"authorization": b"token of-jupyter", b"x-api-key": b"all"},
    ],
)
def test_a_key_comes_in_by_either_header(folder, headers):
    keeper = door(folder)
    assert not keeper.idle
    assert keeper.admit(HOST | headers, "predict") == "all"


def test_none_and_a_wrong_one_are_told_apart_and_never_repeated(folder):
    keeper = door(folder)
    none, wrong = refusal(keeper, HOST), refusal(keeper, bearing("wrong-secret"))
    assert (none.status, wrong.status) == (401, 401)
    assert none.headers == ((b"www-authenticate", b"Bearer"),)
    assert wrong.headers == ((b"www-authenticate", b'Bearer error="invalid_token"'),)
    assert "wrong-secret" not in repr(wrong)


@pytest.mark.parametrize(
    ("secret", "error"), [("old", "the key has expired"), ("gone", "the key was revoked")]
)
def test_what_has_ended_is_refused(folder, secret, error):
    said = refusal(door(folder), bearing(secret))
    assert (said.status, said.error) == (401, error)


def test_a_key_that_has_not_ended_comes_in(folder):
    assert door(folder).admit(bearing("young"), "feedback") == "young"


def test_a_key_is_good_for_its_scopes_only(folder):
    keeper = door(folder)
    assert keeper.admit(bearing("predict"), "predict") == "predict"
    said = refusal(keeper, bearing("predict"), "operate")
    assert said.status == 403
    assert said.headers == ((b"www-authenticate", b'Bearer error="insufficient_scope", scope="operate"'),)


def test_a_key_over_its_rate_is_told_when_to_come_again(folder):
    keeper = door(folder)
    assert [keeper.admit(bearing("slow"), "predict") for _ in range(2)] == ["slow", "slow"]
    said = refusal(keeper, bearing("slow"))
    ((name, after),) = said.headers
    assert (said.status, name) == (429, b"retry-after")
    assert 90 <= int(after) <= 100


def test_the_rate_of_a_deployment_is_each_keys_own_and_not_the_owners(folder):
    keeper = door(folder, rate=0.01, burst=1)
    assert keeper.admit(bearing("all"), "predict") == "all"
    assert keeper.admit(bearing("young"), "predict") == "young"
    assert refusal(keeper, bearing("all")).status == 429
    assert {keeper.admit(bearing("owner"), scope) for _ in range(5) for scope in SCOPES} == {"owner"}


def test_without_keys_the_rate_is_everybodys_together(tmp_path):
    keeper = door(tmp_path, rate=0.01, burst=3)
    assert not keeper.idle
    assert [keeper.admit(HOST, "predict") for _ in range(3)] == ["", "", ""]
    refused = refusal(keeper, HOST)
    assert refused.status == 429
    assert refused.error == "too many requests for the rate that all callers without a key share"


def test_two_workers_share_a_rate(folder):
    one, two = door(folder, workers=2), door(folder, workers=2)
    one.admit(bearing("slow"), "predict")
    two.admit(bearing("slow"), "predict")
    assert refusal(one, bearing("slow")).status == refusal(two, bearing("slow")).status == 429


def test_a_refused_key_uses_nothing_of_its_rate(folder):
    keeper = door(folder, rate=0.01, burst=1)
    for _ in range(3):
        assert refusal(keeper, bearing("predict"), "operate").status == 403
    assert keeper.admit(bearing("predict"), "predict") == "predict"


def test_a_second_scope_of_the_same_request_is_not_counted_again(folder, tmp_path):
    keeper = door(folder)
    keeper.admit(bearing("slow"), "predict")
    for _ in range(3):
        keeper.admit(bearing("slow"), "operate", counted=False)
    assert keeper.admit(bearing("slow"), "predict") == "slow"
    assert refusal(keeper, bearing("slow")).status == 429


def test_keys_that_cannot_be_read_let_nobody_in(folder):
    (folder / "keys.json").write_text("{")
    said = refusal(door(folder), bearing("all"))
    assert (said.status, said.error) == (
        503,
        "the keys of this deployment cannot be read, so nobody is let in",
    )


def test_a_revocation_is_seen_within_a_second(folder):
    keeper = door(folder)
    assert keeper.admit(bearing("all"), "predict") == "all"
    write_keys(
        folder / "keys.json", KeyFile(digest_of(b"owner"), (Key("all", digest_of(b"all"), revoked=1.0),))
    )
    deadline = time.monotonic() + 1
    while comes_in(keeper, "all"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert refusal(keeper, bearing("all")).error == "the key was revoked"


def test_a_strangers_host_is_refused_before_any_key_is_looked_at(folder):
    said = refusal(door(folder), bearing("all") | {b"host": b"evil.example:8080"})
    assert said.status == 421


def test_a_host_is_not_asked_of_those_who_have_none(folder):
    assert door(folder).check_key({b"authorization": b"Bearer all"}, "predict") == "all"


@pytest.mark.parametrize("headers", [{}, {b"authorization": b"Basic abc"}, {b"authorization": b"Bearer"}])
def test_other_headers_bear_no_secret(headers):
    assert secret_in(headers) == b""


def test_a_key_is_let_in_with_its_rate_and_seldom_a_look_at_a_file(tmp_path, monkeypatch):
    write_keys(
        tmp_path / "keys.json",
        KeyFile(digest_of(b"owner"), (Key("fast", digest_of(b"fast"), rate=1e6, burst=10**6),)),
    )
    keeper, looks = door(tmp_path), []
    monkeypatch.setattr(keys, "monotonic", lambda: 0.0)  # no time passes

    def note(kind: type, name: str) -> None:
        look = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda *given: looks.append(name) or look(*given))

    note(keys.KeyRing, "_look_at")
    note(Buckets, "take")
    assert {keeper.admit(bearing("fast"), "predict") for _ in range(1000)} == {"fast"}
    assert looks == ["take"]

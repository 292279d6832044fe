"""By which name a deployment may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving.access.hosts import Hosts, is_loopback, split_host


def status(host: bytes | None, *, listens: str = "127.0.0.1", names=(), **headers: bytes) -> int:
    sent = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    problem = Hosts(listens, 8080, names).problem(sent | ({b"host": host} if host is not None else {}))
    return problem[0] if problem else 200


@pytest.mark.parametrize(
    "host",
    [b"127.0.0.1:8080", b"localhost:8080", b"LOCALHOST:8080", b"localhost.", b"127.0.0.1", b"[::1]:8080"],
)
def test_this_machines_own_names_will_do_at_any_port(host):
    assert status(host) == 200
    assert status(host.replace(b"8080", b"9000")) == 200  # forwarded by ssh, or mapped by a container


@pytest.mark.parametrize(
    "host", [b"evil.example:8080", b"evil.example", b"127.0.0.1.evil.example:8080", b"10.0.0.7"]
)
def test_a_strangers_name_will_not(host):
    assert status(host) == 421


@pytest.mark.parametrize(
    "host", [None, b"", b":8080", b"a:b:c", b"evil.example:", b"x:80x", b"\xff:1", b"::1"]
)
def test_no_name_at_all_is_a_bad_request(host):
    assert status(host) in {400, 421}
    assert status(host, x_proxycontextpath=b"/proxy/1") in {400, 421}


def test_beyond_loopback_every_name_will_do():
    assert status(b"churn.example", listens="0.0.0.0") == 200
    assert status(None, listens="192.168.0.7") == 200


def test_names_of_a_proxy_are_allowed_by_an_option():
    assert status(b"Churn.example", names=("churn.example.",)) == 200
    assert status(b"other.example", names=("churn.example",)) == 421


def test_what_jupyter_hands_on_from_a_hub_may_come_in():
    assert status(b"hub.example", x_proxycontextpath=b"/user/ana/proxy/8080") == 200
    assert status(b"hub.example:8000", x_proxycontextpath=b"/proxy/8080/") == 200


def test_a_page_that_points_its_name_at_us_cannot_pass_for_jupyter():
    """It can set that header, but the browser writes our port into its Host."""
    assert status(b"evil.example:8080", x_proxycontextpath=b"/user/ana/proxy/8080") == 421


def test_a_page_of_another_proxied_port_is_not_ours():
    assert status(b"hub.example", x_proxycontextpath=b"/user/ana/proxy/80") == 421


@given(st.binary(max_size=40))
def test_no_host_whatever_breaks_it(host):
    assert status(host) in {200, 400, 421}


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z]{2,5})?", fullmatch=True), st.integers(1, 65535))
def test_a_name_and_a_port_are_told_apart(name, port):
    assert split_host(f"{name}:{port}") == (name, port)
    assert split_host(name) == (name, None)


@pytest.mark.parametrize(
    ("host", "answer"), [("127.8.0.1", True), ("::1", True), ("churn.example", False), ("", False)]
)
def test_loopback_is_known_by_address(host, answer):
    assert is_loopback(host) is answer

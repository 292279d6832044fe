"""Secrets appear nowhere, however a notebook writes them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.pipelines.execution.masking import Mask, masking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_jupyter.pipelines.execution.job import Outcome, Progress

SECRET = 'p&ß"7/+?\\x'


@given(secret=st.text(min_size=4, max_size=30).filter(str.strip), around=st.text(max_size=5))
def test_a_secret_is_masked_in_each_form_wherever_it_stands(secret: str, around: str):
    mask = masking([secret])
    assert secret not in mask.text(f"{around}{secret}{around}")
    assert quote(secret, safe="") not in mask.text(f"{around}{quote(secret, safe='')}{around}")
    assert json.dumps(secret) not in mask.text(json.dumps([around, secret]))


@given(secret=st.binary(min_size=8, max_size=40), before=st.binary(max_size=9), behind=st.binary(max_size=9))
def test_a_secret_is_masked_in_base64_of_something_longer(secret: bytes, before: bytes, behind: bytes):
    text = secret.hex()
    whole = base64.b64encode(before + text.encode() + behind).decode()
    assert "***" in masking([text]).text(whole)


def test_each_line_of_a_key_is_masked():
    key = "-----BEGIN-----\nMIIEow\n-----END-----"
    assert masking([key]).text("got MIIEow\n") == "got ***\n"
    assert masking([key]).text(f"<{key}>") == "<***>"


def test_a_short_secret_is_masked_where_it_stands_alone():
    assert masking(["ab"]).text("ab and abc") == "*** and abc"


def test_what_has_no_secret_is_left_as_it_is():
    tree = {"a": [1, None, "x"]}
    assert Mask().tree(tree) is tree
    assert masking(["hunter2!"]).tree(tree) == tree


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FLIGHTS_TOKEN", SECRET)
    return SECRET


def test_a_secret_appears_in_nothing_that_a_step_writes_or_tells(
    ran: Callable[..., Outcome], tmp_path: Path, secret: str
):
    told: list[Progress] = []
    outcome: Any = ran("secrets", secrets={"token": "env:FLIGHTS_TOKEN"}, tell=told.append)
    assert (outcome.state, outcome.failure.message) == ("FAILED", "ValueError: refused: ***")
    assert outcome.values == {"answer": {"***": ["***"]}}
    everything = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    everything += [repr(outcome), repr(told)]
    shown = "".join(everything)
    assert shown.count("***") > 10
    written = (
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
    )
    assert [form for form in (*written, quote(secret, safe="")) if form in shown] == []
    for prefix in ("", "a:", "ab:", "abc:"):
        encoded = base64.b64encode((prefix + secret).encode()).decode()
        assert encoded not in shown


def test_a_secret_whose_reference_is_a_parameter_may_be_read_and_is_masked(
    ran: Callable[..., Outcome], tmp_path: Path, secret: str
):
    outcome = ran("secret_parameter", parameters={"token": "env:FLIGHTS_TOKEN"})
    assert outcome.values == {"token": "***"}
    assert outcome.state == "SUCCEEDED"
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret in file.read_text()]


def test_a_secret_that_is_not_there_fails_the_step_before_its_kernel_starts(ran: Callable[..., Outcome]):
    outcome = ran("no_parameters", secrets={"token": "env:NO_SUCH_TOKEN_HERE"})
    assert outcome.failure
    assert outcome.failure.message.startswith("secret env:NO_SUCH_TOKEN_HERE is not set")
    assert outcome.failure.cell is None

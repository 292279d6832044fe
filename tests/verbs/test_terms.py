"""On which terms a deployment serves, in words."""

from __future__ import annotations

from types import SimpleNamespace

from mlops_jupyter.serving.options import Options
from mlops_jupyter.verbs.terms import terms_of


def live(host: str = "127.0.0.1", **options) -> SimpleNamespace:
    serving = SimpleNamespace(spec=SimpleNamespace(options=Options(**options)))
    return SimpleNamespace(serving=serving, certificate=None, record=SimpleNamespace(host=host, name="churn"))


def test_a_rate_is_each_keys_own_and_without_keys_everybodys_together():
    limited = live(rate=10.0, burst=5)
    assert dict(terms_of(limited, keyed=True)[0])["rate"] == "10 requests a second for each key, 5 at once"
    without = dict(terms_of(limited, keyed=False)[0])["rate"]
    assert without == "10 requests a second for all callers together, 5 at once"


def test_what_is_open_beyond_this_machine_is_a_concern():
    assert terms_of(live(), keyed=False)[1] == ()
    (everybody,) = terms_of(live("0.0.0.0"), keyed=False)[1]
    assert everybody == "whoever reaches 0.0.0.0 may call it: mlops key create churn changes that"
    (clear,) = terms_of(live("0.0.0.0"), keyed=True)[1]
    assert "in the clear" in clear


def test_what_is_kept_of_requests_is_told_with_the_way_out():
    kept = dict(terms_of(live(capture_masked=("hour",), capture_hashed=("user",)), keyed=False)[0])
    assert kept["requests kept"] == "7 days or 1.07 GB; hour masked; user hashed; --no-capture keeps none"
    assert "no drift" in dict(terms_of(live(capture=False), keyed=False)[0])["requests kept"]

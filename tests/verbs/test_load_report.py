"""A load report: the answer in words, failures by their meaning, a figure within the page."""

from __future__ import annotations

import base64
import io
import json
import re
import sys

import pytest

from mlops_jupyter.deployments.load_generator import Measured
from mlops_jupyter.verbs.as_html import LIMIT, render_html
from mlops_jupyter.verbs.load_report import LoadReport

PERCENTILES = ((0.0, 0.0002), (50.0, 0.0004), (90.0, 0.001), (99.0, 0.004), (99.9, 0.009), (100.0, 0.02))


def report(sent=1000, not_sent=0, answers=None, lag=(0.0, 0.001), **changed) -> LoadReport:
    counts = answers or {"200": sent}
    measured = Measured(sent, not_sent, counts, PERCENTILES, lag, "k6 v1.1.0", 0.5)
    about = {"deployment": "churn", "version": "1.2.0", "url": "http://127.0.0.1:8080", "rate": 100}
    about |= {"seconds": 10.0, "connections": 200, "records": 10, "source": "of the data"}
    return LoadReport(
        **{**about, "measured": measured, "server_cpu": 0.3, "workers": 2, "busy": 0.4, **changed}
    )


def test_what_was_held_is_said_first():
    held = report()
    assert held.ok
    assert held.headline == "churn held 100 requests/s for 10 s: 99 % answered within 4 ms, none failed"
    assert held.cpu_per_request == pytest.approx(0.0003)
    assert (held.p50, held.p90, held.p99, held.p999, held.max) == (0.0004, 0.001, 0.004, 0.009, 0.02)
    assert "300 µs a request, in 2 server processes" in str(held)


def test_failures_are_counted_by_status_with_their_meaning():
    failing = report(answers={"200": 900, "503": 60, "no answer": 40})
    assert not failing.ok
    assert failing.held
    assert failing.headline.startswith("churn was sent 100 requests/s for 10 s: 100 of 1,000 failed")
    text = str(failing)
    assert re.search(r"✗ 503 +60 +6 %  the queue was full", text)
    assert re.search(r"✗ no answer +40 +4 %", text)


def test_a_model_that_fails_is_told_where_to_read_why():
    text = str(report(answers={"200": 999, "500": 1}))
    assert re.search(r"✗ 500 +1 +0.1 %  the model failed: mlops logs says more", text)


def test_what_could_not_be_sent_is_a_failure_and_said():
    short = report(sent=800, not_sent=200)
    assert not short.ok
    why = "200 of 1,000 could not be sent, for all 200 connections waited for answers"
    assert short.headline == f"churn was asked 100 requests/s for 10 s: {why}"
    assert report(sent=800, not_sent=200, answers={"200": 790, "504": 10}).headline.endswith(", 10 failed")
    assert "the latencies leave out what was not sent" in str(short)
    assert short.answers == {"200": 800, "not sent": 200}


def test_a_generator_that_was_late_itself_is_said():
    assert "the generator itself was up to 90 ms late (p99 50 ms)" in str(report(lag=(0.05, 0.09)))
    assert "generator itself" not in str(report())
    slow = report(sent=700)
    assert not slow.ok
    assert slow.headline.startswith("churn was asked 100 requests/s for 10 s and got 70/s: none failed")


def test_a_machine_that_was_busy_is_said():
    assert "this machine was 97 % busy" in str(report(busy=0.97))
    assert "% busy" not in str(report())


def test_it_is_plain_json():
    found = json.loads(json.dumps(report().to_dict()))
    assert found["p999"] == 0.009
    assert found["measured"]["answers"] == {"200": 1000}
    assert found["ok"] is True


def test_the_figure_is_within_the_page_with_its_message_as_title():
    from matplotlib.image import imread

    html = render_html(report())
    message = "churn answered 99 % of requests within 4 ms of when they were due"
    (image,) = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', html)
    assert image[1] == message
    assert f"<strong>{message}</strong>" in html
    assert len(html) < LIMIT / 2
    pixels = imread(io.BytesIO(base64.b64decode(image[0])))
    assert pixels.shape[1] > 900
    assert pixels[0, 0, 3] == 0, "it has no ground of its own"
    assert "matplotlib.pyplot" not in sys.modules or sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_the_figure_is_there_to_keep():
    figure = report().figure()
    (axes,) = figure.axes
    assert figure.get_suptitle().startswith("churn answered 99 %")
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.texts]
    assert labels == ["p50  400 µs", "p90  1 ms", "p99  4 ms", "p99.9  9 ms"]


def test_a_few_requests_make_a_figure_too():
    few = Measured(1, 0, {"200": 1}, ((0.0, 0.001), (100.0, 0.001)), (0.0, 0.0), "k6 v1.1.0", 0.1)
    assert "data:image/png" in render_html(report(measured=few, rate=1, seconds=1.0))

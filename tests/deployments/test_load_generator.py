"""The load generator: honest about a stall, about what it could not send, and silent about the key."""

from __future__ import annotations

import json
import os
import signal
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from mlops_jupyter.deployments import load_generator
from mlops_jupyter.deployments.load_generator import LoadPlan, find_generator, run_load
from mlops_jupyter.errors import UnavailableError

from .certification import write_certificate

SECRET = "mk_0123456789abcdef"


class Recorder:
    """A server that notes what it was asked, and answers as it is told."""

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self.scheme = "https" if certificate else "http"
        self.bodies, self.keys, self.statuses, self.pause = Counter(), set(), [200], 0.0
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                recorder.bodies[body] += 1
                recorder.keys.add(self.headers.get("authorization"))
                time.sleep(recorder.pause)
                status = recorder.statuses[json.loads(body)["n"] % len(recorder.statuses)]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size, daemon_threads = 128, True

        self.server = Server(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def plan(self, rate=50, seconds=1.0, connections=50, rows=4) -> LoadPlan:
        url = f"{self.scheme}://127.0.0.1:{self.server.server_port}/predict"
        return LoadPlan(url, tuple(b'{"n": %d}' % i for i in range(rows)), rate, seconds, connections)

    def run(self, watch=lambda _: None, secret="", **plan):
        return run_load(find_generator(), self.plan(**plan), watch, secret)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.close()


def late(measured, rate=50) -> float:
    """Return by how many requests a generator that was late may be off; it says how late it was."""
    return rate * measured.lag[-1]


def generators() -> list[psutil.Process]:
    """Return the living generators of this process, which may have started other things as well."""
    children = psutil.Process().children()
    return [each for each in children if each.status() != psutil.STATUS_ZOMBIE and "k6" in each.name()]


def test_it_sends_each_row_in_turn_at_the_rate_asked(recorder):
    measured = recorder.run()
    assert abs(measured.sent - 50) <= 1 + late(measured)
    assert measured.answers == {"200": measured.sent}
    assert measured.not_sent == 0
    assert sum(recorder.bodies.values()) == measured.sent
    assert len(recorder.bodies) == 4
    assert max(recorder.bodies.values()) - min(recorder.bodies.values()) <= 1
    percents, seconds = zip(*measured.percentiles, strict=True)
    assert list(percents) == sorted(percents)
    assert list(seconds) == sorted(seconds)
    assert percents[-1] == 100
    assert measured.generator.startswith("k6 v")
    assert measured.generator_cpu > 0


def test_answers_are_counted_by_status(recorder):
    recorder.statuses = [200, 503, 418, 0]
    measured = recorder.run()
    assert set(measured.answers) == {"200", "503", "other", "no answer"}
    assert sum(measured.answers.values()) == measured.sent


def test_what_is_due_while_every_connection_waits_is_counted_as_not_sent(recorder):
    recorder.pause = 0.3
    measured = recorder.run(rate=40, connections=2)
    assert measured.not_sent > 20
    assert abs(measured.sent + measured.not_sent - 40) <= 1 + late(measured, rate=40)
    assert measured.percentiles[-1][1] >= 0.3


def test_the_key_goes_into_the_header_and_is_written_nowhere(recorder, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []

    def watch(_: float) -> None:
        seen.extend(" ".join(process.cmdline()) for process in generators())
        seen.extend(path.read_text() for path in tmp_path.rglob("*") if path.is_file())

    recorder.run(watch, SECRET)
    assert recorder.keys == {f"Bearer {SECRET}"}
    assert any("load.js" in text for text in seen)
    assert any('"rate": 50' in text for text in seen)
    assert not any(SECRET in text for text in seen)


def test_it_speaks_tls_whatever_name_the_certificate_is_for(tmp_path):
    recorder = Recorder(write_certificate(tmp_path))
    try:
        measured = recorder.run(rate=20)
    finally:
        recorder.close()
    assert measured.answers == {"200": measured.sent}


def test_the_users_own_settings_of_k6_do_not_change_the_plan(recorder, monkeypatch):
    for name, value in {"K6_VUS": "1", "K6_ITERATIONS": "2", "K6_OUT": "csv=x.csv"}.items():
        monkeypatch.setenv(name, value)
    measured = recorder.run()
    assert measured.sent >= 49 - late(measured)


@pytest.mark.parametrize("moment", ["starting", "sending"])
def test_an_interrupt_ends_the_generator(recorder, moment):
    wait = 0.0 if moment == "starting" else 1.0

    def watch(elapsed: float) -> None:
        if elapsed >= wait:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        recorder.run(watch, seconds=30.0)
    assert generators() == []


def test_what_is_missing_or_no_generator_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="k6 is not installed; install k6 as"):
        find_generator()
    other = tmp_path / "k6"
    other.write_text("#!/bin/sh\necho another program\n")
    other.chmod(0o755)
    with pytest.raises(UnavailableError, match="is not the load generator k6: another program"):
        run_load(find_generator(), LoadPlan("http://127.0.0.1:9", (b"{}",), 1, 1.0, 1), lambda _: None)


def test_a_generator_that_fails_is_told_in_its_own_words(recorder, monkeypatch, tmp_path):
    script = tmp_path / "broken.js"
    script.write_text("throw new Error('no such plan');")
    monkeypatch.setattr(load_generator, "_SCRIPT", script)
    with pytest.raises(UnavailableError, match=r"the load generator failed: .*no such plan") as raised:
        recorder.run()
    assert "\n" not in str(raised.value)

"""The supervisor: generations come and go, the socket stays."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import time

import psutil
import pytest

from mlops_jupyter.serving.generation import server_code
from mlops_jupyter.serving.logs import LIMIT, earlier
from mlops_jupyter.serving.processes import wait_for_end
from mlops_jupyter.serving.spec import generation_folder
from mlops_jupyter.serving.weights import read_weights, write_weights

from .clients import Clients


class Load(Clients):
    """Clients that ask all the time, half of them over kept connections; every failure is kept."""

    def __init__(self, port: int, kept: int = 2, fresh: int = 1) -> None:
        super().__init__([self._kept] * kept + [self._fresh] * fresh)
        self.port, self.answers, self.failures = port, [], []

    def _ask(self, connection) -> None:
        connection.request("POST", "/predict", "{}")
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            self.answers.append(json.loads(body)["version"])
        else:
            self.failures.append(body)

    def _kept(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        while not self.done.is_set():
            try:
                self._ask(connection)
            except OSError as problem:
                self.failures.append(problem)
                connection.close()
            time.sleep(0.002)
        connection.close()

    def _fresh(self) -> None:
        while not self.done.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                self._ask(connection)
            except OSError as problem:
                self.failures.append(problem)
            finally:
                connection.close()
            time.sleep(0.002)


def test_a_generation_serves_when_it_is_wanted(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    assert tiny.ask()["version"] == "one"
    health = tiny.ask(path="/health")
    assert health["generation"] == 1
    assert health["variants"][0]["role"] == "stable"
    assert health["server_code"] == tiny.state(1)["server_code"] == server_code(tiny.server)


def test_no_request_fails_while_generations_change_and_are_rolled_back(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    with Load(tiny.port) as load:
        for following in (2, 3, 4):
            tiny.generation(following, f"v{following}", f"v{following - 1}")
            tiny.replace(following - 1, following)
            time.sleep(0.1)
        path = generation_folder(tiny.folder, 4) / "weights"
        for turn in range(20):
            write_weights(path, read_weights(path).with_stable((turn + 1) % 2))
            time.sleep(0.01)
        time.sleep(0.1)
    assert load.failures == []
    assert {"one", "v2", "v3", "v4"} <= set(load.answers)
    assert load.answers[-1] == "v4"
    tiny.wait_until(lambda: tiny.state(3)["phase"] == "ended")
    assert len(tiny.workers()) == 1


def test_a_prepared_generation_answers_nothing_before_it_is_wanted(tiny):
    tiny.generation(1, "one")
    tiny.generation(2, "two")
    tiny.want(1, 2)
    tiny.start()
    tiny.wait_for(1, "serving")
    tiny.wait_for(2, "ready")
    assert {tiny.ask()["version"] for _ in range(20)} == {"one"}
    tiny.want(1)
    tiny.wait_until(lambda: tiny.state(2)["phase"] == "ended")
    assert len(tiny.workers()) == 1


def test_a_generation_that_cannot_load_says_why_and_the_old_one_serves_on(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    tiny.generation(2, None)
    tiny.want(1, 2)
    assert tiny.wait_for(2, "failed")["error"] == "answer: missing"
    assert tiny.ask()["version"] == "one"
    tiny.want(1)
    tiny.wait_until(lambda: len(tiny.workers()) == 1)


def test_an_answer_in_hand_is_finished_by_a_generation_that_drains(tiny):
    tiny.generation(1, "one")
    tiny.generation(2, "two")
    tiny.want(1, 2)
    tiny.start()
    tiny.wait_for(1, "serving")
    tiny.wait_for(2, "ready")
    connection = http.client.HTTPConnection("127.0.0.1", tiny.port, timeout=5)
    connection.request("POST", "/predict", "slow")
    tiny.want(2)
    tiny.wait_for(1, "draining")
    response = connection.getresponse()
    assert json.loads(response.read())["version"] == "one"
    assert response.getheader("connection") == "close"
    assert tiny.ask()["version"] == "two"


def test_an_idle_connection_may_ask_once_more_of_a_generation_that_drains(tiny):
    tiny.generation(1, "one")
    tiny.generation(2, "two")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    connection = http.client.HTTPConnection("127.0.0.1", tiny.port, timeout=5)
    versions = []
    for turn in range(3):
        connection.request("POST", "/predict", "{}")
        versions.append(json.loads(connection.getresponse().read())["version"])
        if turn == 0:
            tiny.replace(1, 2)
            tiny.wait_for(1, "draining")
            time.sleep(0.3)
    connection.close()
    assert versions == ["one", "one", "two"]


def test_a_worker_that_falls_is_started_again(tiny):
    tiny.generation(1, "one", workers=2)
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    with pytest.raises((OSError, http.client.HTTPException)):
        tiny.ask("crash")
    assert tiny.ask()["version"] == "one"
    state = tiny.wait_until(
        lambda: (s := tiny.state(1)) and sum(each["restarts"] for each in s["processes"]) == 1 and s
    )
    assert len(tiny.wait_until(lambda: len(tiny.workers()) == 2 and tiny.workers())) == 2
    assert state["error"] in {f"worker-{index} ended with exit code 7" for index in (0, 1)}


def test_a_worker_that_falls_again_and_again_is_given_ever_more_time(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    answer = tiny.packages / "one" / "answer"
    answer.unlink()
    with pytest.raises((OSError, http.client.HTTPException)):
        tiny.ask("crash")

    def restarts() -> int:
        return max(each["restarts"] for each in tiny.state(1)["processes"])

    begun = time.monotonic()
    tiny.wait_until(lambda: restarts() == 4, 20)
    # pauses of 0.1, 0.2, 0.4 and 0.8 s; how long a start takes is the machine's
    assert time.monotonic() - begun > 1.5
    answer.write_text("one")
    tiny.wait_until(lambda: _pid(tiny), 20)
    assert restarts() <= 7
    assert tiny.state(1)["error"] == "answer: missing"
    log = (tiny.folder / "logs" / "generation-1.log").read_text()
    assert log.count("IntegrityFailure: answer: missing") <= 7


def test_stopping_the_supervisor_leaves_no_process(tiny):
    tiny.generation(1, "one", workers=2)
    tiny.want(1)
    supervisor = tiny.start()
    tiny.wait_for(1, "serving")
    sockets = tiny.supervisor()["sockets"]
    connection = http.client.HTTPConnection("127.0.0.1", tiny.port, timeout=5)
    connection.request("POST", "/predict", "slow")
    time.sleep(0.1)
    supervisor.terminate()
    assert json.loads(connection.getresponse().read())["version"] == "one"
    assert wait_for_end([supervisor], 10) == []
    assert tiny.ours() == []
    assert not (tiny.folder.parent / sockets).exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", tiny.port)) != 0


def test_workers_serve_on_when_their_supervisor_is_killed_and_the_next_takes_over(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    supervisor = tiny.start()
    tiny.wait_for(1, "serving")
    supervisor.kill()
    assert wait_for_end([supervisor], 5) == []
    orphan = tiny.ask()["pid"]
    with Load(tiny.port, kept=2, fresh=0) as load:
        tiny.start()
        tiny.wait_until(lambda: (pid := _pid(tiny)) and pid != orphan and pid)
        time.sleep(0.1)
    # while the socket changes hands, for milliseconds, nobody listens; what was accepted is answered
    assert [each for each in load.failures if not isinstance(each, ConnectionRefusedError)] == []
    tiny.wait_until(lambda: not psutil.pid_exists(orphan))
    assert len(tiny.ours()) == 2


def test_an_interpreter_that_is_gone_is_told_and_the_old_generation_serves_on(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    tiny.generation(2, "two", python="/nowhere/python")
    tiny.want(1, 2)
    assert tiny.wait_for(2, "failed")["error"] == "/nowhere/python: No such file or directory"
    assert tiny.ask()["version"] == "one"


def test_a_supervisor_understands_the_files_of_a_newer_release(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    for path in (generation_folder(tiny.folder, 1) / "spec.json", tiny.folder / "wanted.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "of_tomorrow": 1}))
    tiny.start()
    tiny.wait_for(1, "serving")
    assert tiny.ask()["version"] == "one"


def test_a_worker_computes_on_one_thread_unless_the_user_said_otherwise(tiny, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    found = tiny.workers()[0].environ()
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert [found[name] for name in names] == ["1", "1", "2"]


def test_a_log_that_has_grown_too_large_is_emptied_and_its_last_part_kept(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    log = tiny.folder / "logs" / "generation-1.log"
    with log.open("ab") as writer:
        writer.write(b"old\n" * (LIMIT // 4) + b"new\n")
        writer.flush()
        tiny.start()
        tiny.wait_until(lambda: log.stat().st_size == 0)
        writer.write(b"newest\n")
    assert log.read_bytes() == b"newest\n"
    kept = earlier(log).read_bytes()
    assert len(kept) == LIMIT
    assert kept.endswith(b"old\nnew\n")


def test_a_worker_never_let_accept_ends_with_its_supervisor(tiny):
    tiny.generation(1, "one")
    tiny.want(None, 1)
    supervisor = tiny.start()
    tiny.wait_for(1, "ready")
    supervisor.kill()
    tiny.wait_until(lambda: tiny.ours() == [])


def test_a_deployment_whose_folder_was_deleted_ends(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    tiny.wait_for(1, "serving")
    assert len(tiny.ours()) == 2
    shutil.rmtree(tiny.folder)
    tiny.wait_until(lambda: tiny.ours() == [])


def test_a_deployment_has_one_supervisor(tiny):
    tiny.generation(1, "one")
    tiny.want(1)
    tiny.start()
    before = tiny.supervisor()
    tiny.launch("another")
    log = tiny.folder / "logs" / "supervisor.log"
    tiny.wait_until(lambda: "another supervisor has this deployment" in log.read_text())
    tiny.wait_until(lambda: len(tiny.ours()) == 2)
    assert tiny.supervisor() == before


def _pid(tiny) -> int | None:
    try:
        return tiny.ask()["pid"]
    except (OSError, http.client.HTTPException):
        return None

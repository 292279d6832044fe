"""Who may call a real deployment: keys, scopes, rates over two workers, names, and TLS end to end."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.keys import create_key
from mlops_jupyter.deployments.supervision import running_supervisor
from mlops_jupyter.errors import RefusedError, UsageError
from mlops_jupyter.serving.access.rates import SET_ASIDE

from .certification import write_certificate

if TYPE_CHECKING:
    from pathlib import Path

BODY = json.dumps({"features": {"distance": 1200.0, "hour": 7}})
JSON = {"content-type": "application/json"}


@dataclass
class Caller:
    """One kept connection, as a client has it."""

    port: int
    context: ssl.SSLContext | None = None
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        kind = http.client.HTTPSConnection if self.context else http.client.HTTPConnection
        more = {"context": self.context} if self.context else {}
        self.connection = kind("127.0.0.1", self.port, timeout=20, **more)

    def ask(self, path: str = "/predict", secret: str = "", **headers: str):
        sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        if secret:
            sent["authorization"] = f"Bearer {secret}"
        self.connection.request("POST" if path.startswith("/predict") else "GET", path, BODY, sent)
        response = self.connection.getresponse()
        response.text = response.read().decode()
        return response

    def status(self, *arguments: str, **headers: str) -> int:
        return self.ask(*arguments, **headers).status

    def worker(self) -> int:
        return json.loads(self.ask("/health").text)["pid"]

    def close(self) -> None:
        self.connection.close()


def worker_at(port: int) -> int | None:
    """The process that answers; None in the milliseconds in which a port has no owner."""
    with contextlib.closing(Caller(port)) as caller, contextlib.suppress(OSError):
        return caller.worker()


@dataclass
class Keyed:
    """A deployment of two workers, and the secrets of its keys."""

    name: str
    folder: Path
    port: int
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def keyed(workshop, shared_name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(workshop.home))
        secrets = {
            "predict": mlops.key("create", shared_name).secret,
            "operate": mlops.key("create", shared_name, scope=["predict", "operate"]).secret,
            "slow": mlops.key("create", shared_name, rate=0.2, burst=2).secret,
            "metered": mlops.key("create", shared_name, rate=100, burst=100).secret,
        }
        folder = workshop.home / "deployments" / shared_name
        _, secrets["expired"] = create_key(folder, expires=time.time() - 1)
        live = mlops.deploy("late", version="1.0.0", as_=shared_name, port=0, workers=2, access_log=True)
        assert dict(live.terms)["callers"] == "those with a key"
        assert "$MLOPS_API_KEY" in live.example
    return Keyed(shared_name, folder, int(live.url.rpartition(":")[2]), secrets)


@pytest.fixture
def caller(keyed):
    caller = Caller(keyed.port)
    yield caller
    caller.close()


@pytest.fixture
def both(keyed):
    """One connection to each worker."""
    found: dict[int, Caller] = {}
    with contextlib.ExitStack() as stack:
        deadline = time.monotonic() + 30
        while len(found) < 2:
            assert time.monotonic() < deadline
            caller = stack.enter_context(contextlib.closing(Caller(keyed.port)))
            found.setdefault(caller.worker(), caller)
        yield list(found.values())


def test_a_key_made_before_the_first_deploy_is_asked_for_from_the_first_request_on(keyed, caller):
    none, wrong = caller.ask(), caller.ask(secret="mlops_wrong")
    assert (none.status, wrong.status) == (401, 401)
    assert none.headers["www-authenticate"] == "Bearer"
    assert wrong.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "mlops_wrong" not in wrong.text
    assert caller.status(secret=keyed.secrets["predict"]) == 200
    assert caller.status(x_api_key=keyed.secrets["predict"]) == 200


def test_what_says_that_it_lives_needs_no_key(caller):
    assert [caller.status(path) for path in ("/health", "/ready")] == [200, 200]


def test_a_key_in_the_address_is_not_accepted_and_written_nowhere(keyed, caller):
    secret = keyed.secrets["predict"]
    for word in ("api_key", "key", "access_token", "authorization"):
        assert caller.status(f"/predict?{word}={secret}") == 401
    assert caller.status(secret=secret) == 200
    time.sleep(1)  # until logs are written
    kept = [path for path in keyed.folder.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_a_key_that_has_expired_is_refused(keyed, caller):
    refused = caller.ask(secret=keyed.secrets["expired"])
    assert (refused.status, json.loads(refused.text)["error"]) == (401, "the key has expired")


def test_a_key_is_good_for_its_scopes_only(keyed, caller):
    refused = caller.ask(secret=keyed.secrets["predict"], x_mlops_variant="1.0.0")
    assert refused.status == 403
    assert 'scope="operate"' in refused.headers["www-authenticate"]
    assert caller.status(secret=keyed.secrets["operate"], x_mlops_variant="1.0.0") == 200
    assert caller.status("/metrics", keyed.secrets["predict"]) == 403
    assert caller.status("/metrics", keyed.secrets["operate"]) == 200


def test_a_key_over_its_rate_is_told_when_to_come_again(keyed, caller):
    answers = [caller.ask(secret=keyed.secrets["slow"]) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    assert caller.status(secret=keyed.secrets["predict"]) == 200


def test_the_rate_of_a_key_holds_over_two_workers(keyed, both):
    burst, rate = 100, 100
    began, statuses = time.monotonic(), []
    while time.monotonic() - began < 2.0:
        statuses += [caller.status(secret=keyed.secrets["metered"]) for caller in both]
    took = time.monotonic() - began
    answered = statuses.count(200)
    assert set(statuses) <= {200, 429}
    assert answered <= burst + rate * took
    assert answered >= min(len(statuses), (1 - SET_ASIDE) * burst + 0.9 * rate * 2.0)


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(keyed, both, home):
    made = mlops.key("create", keyed.name)
    deadline = time.monotonic() + 1
    while {caller.status(secret=made.secret) for caller in both} != {200}:
        assert time.monotonic() < deadline
    mlops.key("revoke", keyed.name, made.keys[0].id)
    time.sleep(1)
    answers = [caller.ask(secret=made.secret) for caller in both]
    assert {json.loads(answer.text)["error"] for answer in answers} == {"the key was revoked"}


def test_a_strangers_name_for_this_machine_is_refused(keyed, caller):
    secret, ours = keyed.secrets["predict"], str(keyed.port)
    assert caller.status(secret=secret, host=f"evil.example:{ours}") == 421
    assert caller.status(secret=secret, host=f"localhost:{ours}") == 200
    rebound = {"host": f"evil.example:{ours}", "x_proxycontextpath": f"/user/ana/proxy/{ours}"}
    assert caller.status(secret=secret, **rebound) == 421
    proxied = {"host": "hub.example", "x_proxycontextpath": f"/user/ana/proxy/{ours}"}
    assert caller.status(secret=secret, **proxied) == 200


def test_the_workspaces_own_verbs_need_no_key_of_the_users(keyed, home):
    assert mlops.status(keyed.name).condition == "serving"
    assert len(mlops.predict(keyed.name, home.frame.head(3))) == 3


def test_other_options_for_the_same_version_are_served_by_a_new_generation_and_remembered(keyed, home):
    before = mlops.status(keyed.name).endpoints[0].generation
    changed = mlops.deploy("late", version="1.0.0", as_=keyed.name, timeout=5, mask=["hour"])
    assert (changed.changed, changed.generation) == (True, before + 1)
    assert "hour masked" in dict(changed.terms)["requests kept"]
    again = mlops.deploy("late", version="1.0.0", as_=keyed.name, timeout=5)
    assert not again.changed
    assert "hour masked" in dict(again.terms)["requests kept"]


def test_a_deploy_that_would_be_open_to_all_is_refused_and_leaves_nothing(home, name):
    with pytest.raises(RefusedError, match=rf"mlops key create {name}; or say --insecure"):
        mlops.deploy("late", version="1.0.0", as_=name, host="0.0.0.0")
    with pytest.raises(UsageError, match="no column 'our'; did you mean hour"):
        mlops.deploy("late", version="1.0.0", as_=name, mask=["our"])
    assert not (home.home / "deployments" / name).exists()


def test_a_running_deployment_does_not_move_to_another_address(keyed, home):
    with pytest.raises(RefusedError, match=r"listens on 127.0.0.1 and cannot move while it runs"):
        mlops.deploy("late", version="1.0.0", as_=keyed.name, host="0.0.0.0")


def test_after_its_supervisor_was_killed_a_deployment_is_guarded_as_before(home, name, wait):
    """The new workers are loaded before the socket is theirs, and know all the same where they listen."""
    live = mlops.deploy("late", version="1.0.0", as_=name, port=0)
    port = int(live.url.rpartition(":")[2])
    before = worker_at(port)
    running_supervisor(home.home / "deployments" / name).kill()
    mlops.start(name)
    wait(lambda: worker_at(port) not in {None, before}, 30)
    with contextlib.closing(Caller(port)) as caller:
        assert caller.status() == 200
        assert caller.status(host=f"evil.example:{port}") == 421


def test_over_tls_everything_goes_on_and_back_again(home, name, tmp_path):
    certificate, key = write_certificate(tmp_path)
    mlops.key("create", name)
    first = mlops.deploy(
        "late", version="1.0.0", as_=name, host="0.0.0.0", port=0, tls_cert=certificate, tls_key=key
    )
    assert first.url.startswith("https://127.0.0.1:")
    assert dict(first.terms)["certificate"].startswith("for churn.example, 127.0.0.1, until ")
    assert f"--cacert {certificate}" in first.example
    port = int(first.url.rpartition(":")[2])
    trusting = ssl.create_default_context(cafile=certificate)
    secret = mlops.key("create", name).secret
    time.sleep(1)
    with contextlib.closing(Caller(port, trusting)) as caller:
        assert caller.status(secret=secret) == 200
    with contextlib.closing(Caller(port)) as caller, pytest.raises((http.client.HTTPException, OSError)):
        caller.ask(secret=secret)
    assert mlops.deploy("late", version="1.0.1", as_=name).url == first.url
    assert mlops.rollback(name).url == first.url
    found = mlops.status(name)
    assert (found.condition, found.url, found.version) == ("serving", first.url, "1.0.0")
    assert len(mlops.predict(name, home.frame.head(2))) == 2
    plain = mlops.deploy("late", version="1.0.0", as_=name, tls_cert="off")
    assert plain.url == f"http://127.0.0.1:{port}"
    with contextlib.closing(Caller(port)) as caller:
        assert caller.status(secret=secret) == 200
    assert "in the clear" in plain.concerns[0]

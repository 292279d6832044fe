from __future__ import annotations

import http.server
import shutil
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import UnavailableError
from mlops_jupyter.serving.manifest import verify
from mlops_jupyter.store.outbox import queued
from mlops_jupyter.store.versions import find_version, get_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace


class Broken(http.server.BaseHTTPRequestHandler):
    """Answers 500 to everything."""

    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def broken() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()


@pytest.fixture
def down() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://me:s3cr3t@127.0.0.1:{listener.getsockname()[1]}"


def test_an_existing_server_is_used_as_the_local_store_is(
    workspace: Workspace,
    store: Store,
    package: Callable[..., Path],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    record = registry.publish(workspace, store, package())
    assert registry.publish(workspace, store, package()).registry_version == record.registry_version
    registry.move_alias(workspace, store, "churn", "champion", "1.0.0")
    shutil.rmtree(workspace.packages)
    registry.refresh(workspace, store)
    folder = registry.obtain(workspace, store, get_version(store, "churn", "@champion"))
    assert verify(folder, record.digest).version == "1.0.0"
    assert not workspace.artifacts.exists()
    found = registry.client(workspace).get_model_version("churn", str(record.registry_version))
    assert found.source.startswith("models:/m-")
    registry.remove_model(workspace, store, "churn")
    assert registry.refresh(workspace, store) == 0


@pytest.mark.parametrize(
    ("kind", "why"), [("down", "refused"), ("broken", "answers 500"), ("silent", "timed out")]
)
def test_a_server_that_cannot_be_used_is_told_in_one_line_within_seconds(
    workspace: Workspace,
    store: Store,
    package: Callable[..., Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    why: str,
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(kind))
    began = time.perf_counter()
    with pytest.raises(
        UnavailableError, match=f"MLflow at http://.* does not answer: .*{why}.*start it"
    ) as failure:
        registry.publish(workspace, store, package())
    assert time.perf_counter() - began < 30
    assert "s3cr3t" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_no_alias_moves_while_the_registry_is_down(
    workspace: Workspace,
    store: Store,
    package: Callable[..., Path],
    down: str,
    monkeypatch: pytest.MonkeyPatch,
):
    registry.publish(workspace, store, package())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", down)
    with pytest.raises(UnavailableError):
        registry.move_alias(workspace, store, "churn", "champion", "1.0.0")
    assert find_version(store, "churn").aliases == ()
    registry.queue_alias(store, "churn", "champion", "1.0.0")
    with pytest.raises(UnavailableError):
        registry.flush_aliases(workspace, store)
    assert [item.alias for item in queued(store)] == ["champion"]
    assert find_version(store, "churn", "@champion").version == "1.0.0"

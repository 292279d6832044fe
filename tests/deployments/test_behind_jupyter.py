"""An endpoint behind a real Jupyter server with jupyter-server-proxy, as a browser on a hub reaches it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.addresses import proxy_url_of

EXTENSIONS = {
    "jupyter_server_proxy": True,
    **dict.fromkeys(("jupyterlab", "jupyter_lsp", "notebook_shim", "jupyter_server_terminals"), False),
}


@dataclass(frozen=True)
class Browser:
    """Somebody logged in to a Jupyter server."""

    runtime: str
    pid: int
    url: str
    token: str

    def open(self, url: str, body: bytes | None = None) -> tuple[str, bytes]:
        """Return where one ends, and what is there."""
        headers = {"authorization": f"token {self.token}", "content-type": "application/json"}
        request = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.url, response.read()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Browser:
    home, token = tmp_path_factory.mktemp("jupyter"), secrets.token_hex(8)
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("RUNTIME", "CONFIG", "DATA")}
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser",
                "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--ServerApp.base_url=/user/ana/",
                f"--ServerApp.root_dir={home}", f"--ServerApp.jpserver_extensions={EXTENSIONS}",
            ],
            stdout=log, stderr=log, env=os.environ | folders | {"JUPYTER_TOKEN": token},
        )  # fmt: skip
    try:
        yield Browser(
            folders["JUPYTER_RUNTIME_DIR"],
            server.pid,
            _address(server, home / "runtime", home / "server.log"),
            token,
        )
    finally:
        server.terminate()
        server.wait(20)


def _address(server, runtime, log) -> str:
    deadline = time.monotonic() + 60
    about = runtime / f"jpserver-{server.pid}.json"
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):  # not there, or not all of it
            return json.loads(about.read_bytes())["url"]
        time.sleep(0.05)
    raise AssertionError(f"the Jupyter server did not start: {log.read_text()}")


@pytest.fixture
def proxied(browser, home, name, monkeypatch) -> str:
    """The address that a deploy from a kernel of that server prints."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", browser.runtime)
    monkeypatch.setenv("JPY_PARENT_PID", str(browser.pid))
    live = mlops.deploy("late", version="1.0.0", as_=name)
    assert live.proxy_url in str(live)
    assert live.proxy_url == f"{browser.url}proxy/{live.url.rpartition(':')[2]}/"
    return live.proxy_url


def test_the_printed_address_leads_through_jupyter_to_docs_that_work_and_a_prediction(browser, proxied):
    docs, page = browser.open(proxied)
    assert docs == f"{proxied}docs"
    assets = re.findall(r'(?:href|src)="([^"]+)"', page.decode())
    assert {asset.rpartition(".")[2] for asset in assets} == {"css", "js", "png"}
    texts = {asset: browser.open(urljoin(docs, asset))[1] for asset in assets}
    assert all(texts.values())
    (document,) = re.findall(r'url: "([^"]+)"', texts["docs/page.js"].decode())
    at, text = browser.open(urljoin(docs, document))
    api = json.loads(text)
    (server,) = api["servers"]
    content = api["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    example = content.get("example") or next(iter(content["examples"].values()))["value"]
    _, answer = browser.open(urljoin(at, server["url"] + "/predict"), json.dumps(example).encode())
    assert json.loads(answer)["version"] == "1.0.0"


def test_the_address_on_a_hub_is_a_path_of_the_hubs_own(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ana/")
    assert proxy_url_of(8080) == "/user/ana/proxy/8080/"


def test_a_server_that_was_killed_is_not_taken_for_ours(tmp_path, monkeypatch):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "jpserver-1.json").write_text(json.dumps({"pid": gone.pid, "url": "http://127.0.0.1:1/"}))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert proxy_url_of(8080) is None

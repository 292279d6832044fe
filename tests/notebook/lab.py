"""A real JupyterLab in a real browser, with nothing of whoever runs the tests in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import nbformat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--force-color-profile=srgb",
]
TOKEN = "of-the-tests"
_PRIVATE = (
    *("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
    *("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"),
)
_KERNEL_READY = """() => {
  const context = jupyterapp.shell.currentWidget?.sessionContext;
  return context?.isReady && context.session?.kernel?.status === "idle";
}"""
_SETTINGS = {"notification": {"fetchNews": "false", "checkForUpdates": False}}


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[str]:
    """Run JupyterLab over a folder, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    private = {name: str(folder / ".private" / name.lower()) for name in _PRIVATE}
    _write_settings(folder / ".private" / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
        f"--ServerApp.root_dir={folder}",
    ]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | private, cwd=folder, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _write_settings(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in _SETTINGS.items():
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(settings))


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "JupyterLab ended"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/api", timeout=2).is_success:
                return
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not come up")


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells for this Python's kernel."""
    notebook: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def open_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook alone on the page, and wait until its kernel is there."""
    page.goto(f"{address}/lab/tree/{name}?reset&token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.wait_for_function(_KERNEL_READY, timeout=60_000)
    page.evaluate("jupyterapp.shell.collapseLeft?.()")


def choose_theme(page: Page, theme: str) -> None:
    """Change JupyterLab's theme, and wait until it is so."""
    command(page, "apputils:change-theme", {"theme": theme})
    page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")


def command(page: Page, name: str, arguments: dict[str, Any] | None = None) -> None:
    """Run a command of JupyterLab."""
    page.evaluate("([name, args]) => jupyterapp.commands.execute(name, args)", [name, arguments or {}])


def run_all(page: Page) -> None:
    """Run every cell, without waiting for the end."""
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")

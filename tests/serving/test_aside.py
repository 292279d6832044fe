"""What is loaded while a server serves."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading

import pytest

import mlops_jupyter
from mlops_jupyter.serving.aside import load_aside

FIRST_DOCS = """
import asyncio, sys, time
from mlops_jupyter.serving.app import create_app
from mlops_jupyter.serving.router import SingleRouter
from tests.serving.stand_ins import Named

app = create_app(SingleRouter(Named(0, "1.0.0")))

async def get(path):
    async def receive():
        return {"type": "http.request", "body": b""}
    async def send(message):
        assert message.get("status", 200) == 200, message
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    begun = time.perf_counter()
    await app(scope, receive, send)
    return time.perf_counter() - begun

async def longest_pause():
    longest, last = 0.0, time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        yield longest

async def main():
    asking = asyncio.create_task(get(sys.argv[1]))
    async for longest in longest_pause():
        if asking.done():
            break
    print(longest, asking.result())

asyncio.run(main())
"""


@pytest.mark.parametrize("path", ["/docs", "/metrics"])
def test_the_first_request_that_imports_much_does_not_keep_the_loop(path):
    environment = {"PYTHONPATH": f"{mlops_jupyter.__path__[0]}/.."}
    command = [sys.executable, "-c", FIRST_DOCS, path]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    pause, whole = map(float, output.split())
    assert pause < 0.05 + whole / 4


def test_settings_of_the_process_are_as_before_whatever_became_of_the_loading():
    def fail() -> None:
        assert not gc.isenabled()
        assert sys.getswitchinterval() < usual
        assert threading.current_thread() is not threading.main_thread()
        raise ImportError("no")

    usual = sys.getswitchinterval()
    with pytest.raises(ImportError):
        asyncio.run(load_aside(fail))
    assert gc.isenabled()
    assert sys.getswitchinterval() == usual


def test_what_was_loaded_is_no_longer_looked_through_for_garbage():
    before = gc.get_freeze_count()
    try:
        loaded = asyncio.run(load_aside(lambda: [[] for _ in range(1000)]))
        assert len(loaded) == 1000
        assert gc.get_freeze_count() > before + 1000
    finally:
        gc.unfreeze()

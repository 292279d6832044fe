"""Real kernels on one workspace: killed in the middle, and two at once."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from jupyter_client.manager import KernelManager

PREPARE = """
%load_ext mlops_jupyter
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
y = np.where(X["a"] + X["b"] > 0, "yes", "no")
def fitted(strength):
    return LogisticRegression(C=strength).fit(X, y)
"""


class Kernel:
    """A kernel to run cells in."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    def run(self, code):
        """Run a cell; return what it showed. An error fails the test with its last line."""
        shown = []

        def take(message):
            content = message["content"]
            shown.append(content.get("data", {}).get("text/plain", "") or content.get("text", ""))

        reply = self.client.execute_interactive(code, timeout=120, output_hook=take)["content"]
        assert reply["status"] == "ok", reply.get("evalue")
        return "\n".join(shown)


@contextmanager
def kernel_at(folder):
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    environment = os.environ | {"MLOPS_HOME": str(folder / ".mlops"), "MLOPS_WORKERS": "1"}
    manager.start_kernel(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        kernel = Kernel(manager, client)
        kernel.run(PREPARE)
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quiet_jupyter):
    return tmp_path_factory.mktemp("project")


def test_another_kernel_goes_on_where_one_was_killed(folder):
    with kernel_at(folder) as first:
        first.run("one, two = fitted(1.0), fitted(0.01)")
        first.run("%mlops package one --name answer --data X --target y")
        first.run("%mlops register answer")
        first.run("%mlops deploy answer")
        first.run("%mlops package two --name answer --data X --target y")
        first.manager.signal_kernel(9)
    with kernel_at(folder) as second:
        try:
            second.run("%mlops register answer")
            second.run("%mlops deploy answer")
            assert "1.0.1" in second.run("%mlops predict answer X")
            second.run("%mlops rollback answer")
            assert "1.0.0" in second.run("%mlops predict answer X")
        finally:
            second.run("%mlops stop answer")
        assert "audit log is whole" in second.run("%mlops audit")


MAKE_ONE = """
model = fitted({strength})
%mlops package model --name pair --data X --target y -o made
%mlops register pair --version {{made.version}}
"""


def test_two_kernels_at_once_make_two_versions_and_one_chain(folder):
    with kernel_at(folder) as first, kernel_at(folder) as second:
        asked = first.client.execute(MAKE_ONE.format(strength=1.0))
        second.run(MAKE_ONE.format(strength=0.5))
        reply = first.client.get_shell_msg(timeout=120)
        assert reply["parent_header"]["msg_id"] == asked
        assert reply["content"]["status"] == "ok", reply["content"]["evalue"]
        versions = first.run("%mlops versions pair")
        assert "1.0.0" in versions
        assert "1.0.1" in versions
        assert "incomplete" not in versions
        assert "audit log is whole" in first.run("%mlops audit")

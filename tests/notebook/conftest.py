"""A notebook's shell in this process, and one in a kernel of its own, each in an empty workspace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import KernelManager

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def quiet_jupyter(tmp_path_factory):
    """Keep IPython and Jupyter out of the home folder of whoever runs the tests."""
    home = tmp_path_factory.mktemp("jupyter")
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, str(home / name.lower()))
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        # frozen modules make the debugger of a kernel warn on stderr
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        given = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), *given]))
        yield


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty project folder, whose workspace is not made yet."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / ".mlops"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(workspace):
    """IPython in this process, with the extension loaded."""
    shell = InteractiveShell(history_length=0)
    shell.history_manager.enabled = False
    shell.extension_manager.load_extension("mlops_jupyter")
    yield shell
    shell.extension_manager.unload_extension("mlops_jupyter")
    shell.history_manager.end_session()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory, quiet_jupyter):
    """A real kernel with the extension loaded, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("project")
    environment = os.environ | {"MLOPS_HOME": str(folder / ".mlops")}
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    manager.start_kernel(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive("%load_ext mlops_jupyter", timeout=30, output_hook=lambda _: None)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

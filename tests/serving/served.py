"""A deployment by its files alone: one package behind a real supervisor and a real worker with its door."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
import psutil

from mlops_jupyter.serving.documents import read_document
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.processes import find_process, find_processes, wait_for_end
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import SUPERVISOR, Wanted, recorded_processes, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights


class Served:
    """One version, one worker.

    Parameters
    ----------
    package : Path
        Its folder.
    options : Options, optional
        Of the deployment.
    """

    def __init__(self, package: Path, options: Options | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="served-"))
        for name in ("generations", "logs"):
            (self.folder / name).mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        generation, manifest = self._generation(package), json.loads((package / "MANIFEST.json").read_bytes())
        variant = VariantSpec(
            0, manifest["version"], manifest["digest"], str(package), "local", sys.executable
        )
        options = replace(options or Options(), salt="served")
        write_spec(generation, GenerationSpec("served", 1, "delays", 1, sys.executable, (variant,), options))
        create_weights(generation / "weights", Weights((Share("stable", 100.0),)))
        write_wanted(self.folder, Wanted("127.0.0.1", self.port, None, 1))
        self._supervise(package)
        write_wanted(self.folder, Wanted("127.0.0.1", self.port, 1, None))
        self._wait_for("serving")
        (self.worker,) = find_processes(recorded_processes(self.folder))

    def _generation(self, package: Path) -> Path:
        assert package.is_dir()
        folder = generation_folder(self.folder, 1)
        folder.mkdir()
        return folder

    def _supervise(self, package: Path) -> None:
        command = [sys.executable, str(package / "src"), "supervise", str(self.folder)]
        with (self.folder / "logs" / "supervisor.log").open("ab") as log:
            subprocess.run(
                [*command, "--token", secrets.token_hex(8)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
            )  # fmt: skip
        self._wait_for("ready")

    def _wait_for(self, phase: str) -> None:
        deadline = time.monotonic() + 60
        while (read_document(generation_folder(self.folder, 1) / "state.json") or {}).get("phase") != phase:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def logs(self) -> str:
        """Everything that its processes said."""
        return "".join(path.read_text(errors="replace") for path in (self.folder / "logs").iterdir())

    def megabytes(self) -> float:
        """How much memory the worker holds."""
        return psutil.Process(self.worker.pid).memory_info().rss / 2**20

    def counted(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over the series that have these labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=20, trust_env=False).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(each in line for each in wanted))

    def stop(self) -> None:
        """End it, and leave nothing behind."""
        supervisor = find_process(read_document(self.folder / SUPERVISOR) or {})
        if supervisor:
            supervisor.terminate()
            wait_for_end([supervisor], 15)
        for process in find_processes(recorded_processes(self.folder)):
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

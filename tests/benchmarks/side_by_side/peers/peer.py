"""A server of others, in an environment of its own, with the files that its documentation asks for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from side_by_side.contender import Contender, first_answer, free_port, started
from side_by_side.data import ARROW_BULK, JSON_BULK, Task, bulk, single_rows, table
from side_by_side.environments import built_environment
from side_by_side.load import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

SERVICES = Path(__file__).parent / "services"
SAME_MODEL = ("scikit-learn==1.9.1", "pandas==3.1.1", "numpy==2.4.6")  # as every peer has it


@dataclass(frozen=True)
class Peer:
    """How a server of others is installed, prepared, started and asked.

    Parameters
    ----------
    name : str
        As in the table.
    requirements : tuple of str
        What is installed; peers with the same ones share an environment.
    prepare : tuple of commands
        Run once for a model, in the folder that it is served from. In these and in `command`, ``{python}``,
        ``{bin}``, ``{port}`` and ``{model}`` stand for what they say.
    command : tuple of str
        Starts it.
    path : str
        Where predictions are asked for.
    body : callable
        From a frame of rows to what is sent.
    classes : callable
        From the JSON that is answered to the classes.
    variables : callable
        From the port to what it reads from its environment.
    most_rows : int or None
        Rows in one request; None for any number.
    """

    name: str
    requirements: tuple[str, ...]
    prepare: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    path: str
    body: Callable[[pd.DataFrame], bytes]
    classes: Callable[[Any], list[Any]]
    variables: Callable[[int], dict[str, str]] = field(default=lambda _port: {})
    most_rows: int | None = None

    def request(self, task: Task) -> Request:
        """Return what is sent for a task."""
        frames = single_rows() if task.rows == 1 else [bulk()]
        return Request(self.path, tuple(self.body(frame) for frame in frames))

    def takes(self, task: Task) -> bool:
        """Whether it is asked that; Arrow is compared with the JSON that it reads."""
        return task not in (JSON_BULK, ARROW_BULK) or self.most_rows is None


class Stage:
    """The folder that a peer serves one model from: prepared once, started as often as need be."""

    def __init__(self, peer: Peer, model: str, environments: Path, folder: Path) -> None:
        self.peer, self.model, self.folder = peer, model, folder
        name = peer.name.partition("-")[0]
        self._python = built_environment(name, (*peer.requirements, *SAME_MODEL), environments)
        shutil.copytree(SERVICES, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for command in peer.prepare:
            self._prepare(self._filled(command, 0))

    def _prepare(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, check=False, env=os.environ | self._variables(0)
        )
        if done.returncode:
            raise RuntimeError(f"{self.peer.name}: {' '.join(command)}: {done.stderr.decode()[-2000:]}")

    def _filled(self, command: tuple[str, ...], port: int) -> list[str]:
        places = {"python": self._python, "bin": self._python.parent, "port": port, "model": self.model}
        return [part.format(**places) for part in command]

    def _variables(self, port: int) -> dict[str, str]:
        """Return its variables; a few find their own commands by name."""
        path = os.pathsep.join([str(self._python.parent), os.environ["PATH"]])
        return {"PATH": path} | self.peer.variables(port)

    @contextlib.contextmanager
    def running(self, tasks: list[Task]) -> Iterator[Contender]:
        """Run it until the block ends, from its first right answer on."""
        port = free_port()
        requests = {task.name: self.peer.request(task) for task in tasks if self.peer.takes(task)}
        with started(self._filled(self.peer.command, port), self.folder, self._variables(port)) as process:
            self._check(first_answer(port, next(iter(requests.values())), process))
            yield Contender(self.peer.name, port, process, requests, may_fail=True)

    def _check(self, answer: Any) -> None:
        """Refuse to measure a server that answers something else than the model says."""
        _, target = table()
        said = int(float(self.peer.classes(answer)[0]))
        if said != int(target.iloc[0]):
            raise RuntimeError(f"{self.peer.name} answers {answer}")

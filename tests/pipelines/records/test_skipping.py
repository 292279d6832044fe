"""A step is skipped exactly when nothing that it depends on changed: random pipelines, random edits.

The model knows no digests. It remembers for each step what its last success was made from, in full.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mlops_jupyter.pipelines.execution.job import Failure, Outcome
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import open_workspace
from tests.pipelines.records.project import Project, notebook_text, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.pipelines.definition.pipeline import Step

EDITS = (
    *("edit_code", "edit_what_does_not_count", "give_parameter", "edit_input"),
    *("edit_module", "edit_output", "remove_output", "break_or_mend"),
)
LINKS = ("none", "file", "value", "after")


@dataclass
class Node:
    """A step as the model knows it."""

    name: str
    writes: bool
    gives: bool
    imports: bool
    links: dict[str, str]
    code: int = 0
    parameter: int = 0
    raw: int = 0
    made_from: Any = None
    wrote: str | None = None
    value: int | None = None
    turns: int = 0
    good: bool = False
    fails: bool = False


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    nodes: list[Node] = []
    for name in "abcd"[: draw(st.integers(2, 4))]:
        links = {each.name: draw(st.sampled_from(LINKS)) for each in nodes}
        nodes.append(Node(name, *(draw(st.booleans()) for _ in range(3)), possible(links, nodes)))
    return nodes


def possible(links: Mapping[str, str], nodes: list[Node]) -> dict[str, str]:
    """Return links as they can be: none takes a file of a step that writes none."""
    by_name = {node.name: node for node in nodes}
    lacks = {"file": lambda node: not node.writes, "value": lambda node: not node.gives}
    return {
        name: "after" if link in lacks and lacks[link](by_name[name]) else link
        for name, link in links.items()
        if link != "none"
    }


def result(made_from: tuple[Any, ...]) -> int:
    """Return what a step makes of what it reads: often the same of another."""
    return sum(sum(map(ord, repr(each))) for each in made_from) % 2


@cache
def one_ledger() -> Ledger:
    """Return the store that all examples share, each with a pipeline of its own name."""
    return Ledger(open_workspace())


class Pipelines(RuleBasedStateMachine):
    """One project: it is edited, and now and then run."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.project = Project(self.folder, one_ledger(), self.folder.name)
        self.module = 0
        self.disk: dict[str, str | None] = {}
        self.nodes: dict[str, Node] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(nodes=graphs())
    def begin(self, nodes: list[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.disk = dict.fromkeys(self.nodes)
        self.project.write("shared.py", "0")
        for node in nodes:
            self.project.write(f"{node.name}.raw", "0")
            taken = [f"{name}.out" for name, link in node.links.items() if link == "file"]
            self.project.step(
                node.name,
                code="0",
                parameters={"p": 0},
                inputs=(f"{node.name}.raw", *taken),
                outputs=(f"{node.name}.out",) if node.writes else (),
                needs=tuple(node.links),
            )

    def edit_code(self, node: Node, text: int) -> None:
        node.code = text
        write(self.project.folder / f"{node.name}.ipynb", notebook_text(str(text)))

    def edit_what_does_not_count(self, node: Node, text: int) -> None:
        notebook = notebook_text(str(node.code), notes="# why", printed=str(text))
        write(self.project.folder / f"{node.name}.ipynb", notebook)

    def give_parameter(self, node: Node, text: int) -> None:
        node.parameter = text
        self.project.change(node.name, parameters={"p": text})

    def edit_input(self, node: Node, text: int) -> None:
        node.raw = text
        self.project.write(f"{node.name}.raw", str(text))

    def edit_module(self, _node: Node, text: int) -> None:
        self.module = text
        self.project.write("shared.py", str(text))

    def edit_output(self, node: Node, text: int) -> None:
        self.touch_output(node, str(text))

    def remove_output(self, node: Node, _text: int) -> None:
        self.touch_output(node, None)

    def touch_output(self, node: Node, text: str | None) -> None:
        if node.writes:
            self.disk[node.name] = text
            self.put(node, text)

    def break_or_mend(self, node: Node, _text: int) -> None:
        node.fails = not node.fails

    @rule(edits=st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 3), st.integers(0, 2)), max_size=3))
    def edit_and_run(self, edits: list[tuple[str, int, int]]) -> None:
        for edit, which, text in edits:
            getattr(self, edit)(list(self.nodes.values())[which % len(self.nodes)], text)
        self.run()

    def run(self) -> None:
        planned = self.project.plan().steps
        turns = self.foretold()
        record = self.project.run(self.work)
        assert {name: step.state for name, step in zip(turns, record.steps, strict=True)} == turns
        assert {node.name: self.out(node) for node in self.nodes.values()} == self.disk
        for name, decision in planned.items():
            if decision.settled and turns[name] != "NOT RUN":
                assert decision.run == (turns[name] != "SKIPPED"), decision

    def foretold(self) -> dict[str, str]:
        """Go through the steps, and say what becomes of each."""
        turns: dict[str, str] = {}
        for node in self.nodes.values():
            if any(turns[name] in ("FAILED", "NOT RUN") for name in node.links):
                turns[node.name] = "NOT RUN"
            elif node.good and self.depends_on(node) == node.made_from and self.disk[node.name] == node.wrote:
                turns[node.name] = "SKIPPED"
            else:
                turns[node.name] = self.turn(node)
        return turns

    def turn(self, node: Node) -> str:
        """Let a step run in the model."""
        node.good = not node.fails
        if node.writes:
            values = {name: self.nodes[name].value for name in node.links}
            self.disk[node.name] = "half" if node.fails else str(result(self.read(node, self.disk, values)))
        if node.fails:
            return "FAILED"
        values = {name: self.nodes[name].value for name in node.links}
        node.value = result(self.read(node, self.disk, values)) if node.gives else None
        node.made_from, node.wrote = self.depends_on(node), self.disk[node.name]
        node.turns += 1
        return "SUCCEEDED"

    def depends_on(self, node: Node) -> tuple[Any, ...]:
        """Return all that a step's result depends on: what it reads, and what those before it gave."""
        values = {name: self.nodes[name].value for name in node.links}
        given = [self.given(self.nodes[name], link) for name, link in node.links.items()]
        return (*self.read(node, self.disk, values), given)

    def given(self, node: Node, link: str) -> object:
        if node.writes or link == "value":
            return self.disk[node.name]
        # a step that imports gives a second value, which is another each time
        return node.value if node.gives and not node.imports else node.turns

    def read(self, node: Node, files: Mapping[str, str | None], values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what a step's notebook reads."""
        module = self.module if node.imports else None
        taken = tuple(files[name] for name, link in node.links.items() if link == "file")
        asked = tuple(values[name] for name, link in node.links.items() if link == "value")
        return node.code, node.parameter, node.raw, module, taken, asked

    def work(self, step: Step, values: dict[str, Any]) -> Outcome:
        """Do as a step's notebook does; one that fails leaves half of its output behind."""
        node = self.nodes[step.name]
        files = {each.name: self.out(each) for each in self.nodes.values()}
        made = result(
            self.read(
                node,
                files,
                {name.removesuffix(".v"): each for name, each in values.items() if name.endswith(".v")},
            )
        )
        if node.writes:
            self.put(node, "half" if node.fails else str(made))
        if node.fails:
            return Outcome("FAILED", 1.0, Failure("error", "ValueError"))
        return Outcome(
            "SUCCEEDED",
            1.0,
            values={"v": made} | ({"turn": node.turns} if node.imports else {}) if node.gives else {},
            reads=tuple(f"{name}.v" for name, link in node.links.items() if link == "value"),
            modules=(str(self.project.folder / "shared.py"),) if node.imports else (),
        )

    def out(self, node: Node) -> str | None:
        path = self.project.folder / f"{node.name}.out"
        return path.read_text() if path.exists() else None

    def put(self, node: Node, text: str | None) -> None:
        if text is None:
            (self.project.folder / f"{node.name}.out").unlink(missing_ok=True)
        else:
            self.project.write(f"{node.name}.out", text)


TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(
    max_examples=25, stateful_step_count=6, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

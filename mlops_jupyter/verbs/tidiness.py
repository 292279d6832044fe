"""The results of housekeeping: what they say and show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.results import Block, Code, Facts, Note, Quantity, Result, Status, Table
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.verbs.probing import EndpointGlance
    from mlops_jupyter.verbs.results import Mark

_OUTCOMES: Final[dict[str, Mark]] = {"done": "ok", "failed": "bad", "refused": "warn", "begun": "warn"}
_WORDS: Final[dict[Mark, str]] = {"ok": "fine", "warn": "look", "bad": "broken", "info": "note"}
_LONGEST: Final = 40
_FIRST_STEPS: Final = """\
%mlops package pipe --name churn --data X_train --test-data X_test --test-target y_test
%mlops register churn
%mlops deploy churn
%mlops predict churn X_test"""


@dataclass(frozen=True)
class ModelGlance:
    """A model in one line: its newest version and that one's state, counts, and (alias, version) pairs."""

    name: str
    newest: str | None
    newest_state: str
    registered: int
    versions: int
    aliases: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Attention:
    """Something that wants attention, and the command that sees to it."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Overview(Result):
    """The workspace at a glance.

    Parameters
    ----------
    workspace : str
        Its folder.
    models, deployments, attention : tuple
        What is in it, probed where it runs, and what wants attention.
    used, free : int
        Bytes of the workspace, and of the disk it lies on.
    runs : tuple of RunRecord
        The last run of each pipeline, the newest first.
    """

    workspace: str
    models: tuple[ModelGlance, ...] = ()
    deployments: tuple[EndpointGlance, ...] = ()
    attention: tuple[Attention, ...] = ()
    used: int = 0
    free: int = 0
    runs: tuple[RunRecord, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing yet."""
        return not (self.models or self.deployments or self.runs or self.attention)

    @property
    def headline(self) -> str:
        """How much there is, and whether it is well."""
        if self.empty:
            return "nothing is packaged yet: here is how to begin"
        ready = sum(endpoint.state.mark == "ok" for endpoint in self.deployments)
        wants = f"{len(self.attention)} want attention" if self.attention else "nothing wants attention"
        wants = wants.replace("1 want ", "1 wants ")
        deployments = f"{ready} of {_count(len(self.deployments), 'deployment')} ready"
        parts = (
            [f"{_count(len(self.models), 'model')}, {deployments}"] if self.models or self.deployments else []
        )
        parts += [_count(len(self.runs), "pipeline")] if self.runs else []
        return ", ".join([*parts, wants])

    def blocks(self) -> Iterable[Block]:
        """Yield what wants attention, deployments and models; what to do first when there are none."""
        if self.empty:
            yield Code(_FIRST_STEPS, "python", "With a fitted model in the variable pipe")
            yield Note("every verb: %mlops --help; is everything in place: %mlops doctor")
            return
        for item in self.attention:
            yield Note(f"{item.what}: {item.remedy}", "warn")
        if self.deployments:
            yield Table(
                ("deployment", "state", "version", "before", "address"),
                tuple(map(_endpoint, self.deployments)),
            )
        if self.models:
            yield Table(("model", "newest", "state", "versions", "aliases"), tuple(map(_model, self.models)))
        if self.runs:
            yield Table(("pipeline", "last run", "began", "steps", "by"), tuple(map(_run, self.runs)))
        yield Facts((("workspace", self.workspace), ("disk", _disk(self.used, self.free))), folded=False)


def _endpoint(e: EndpointGlance) -> tuple[Any, ...]:
    return e.name, e.state, e.version, e.previous, e.url


def _model(m: ModelGlance) -> tuple[Any, ...]:
    mark: Mark = "ok" if m.newest_state == "registered" else "warn"
    aliases = ", ".join(f"@{alias} {version}" for alias, version in m.aliases)
    return m.name, m.newest, Status(m.newest_state, mark), m.versions, aliases


def _run(record: RunRecord) -> tuple[Any, ...]:
    from mlops_jupyter.verbs.pipeline_words import RUN_MARKS, counts_of

    state = Status(record.state.lower(), RUN_MARKS[record.state])
    return record.pipeline, state, record.started, counts_of(record), record.cause


def _disk(used: int, free: int) -> str:
    return f"{shown(Quantity(used, 'B')).text} used, {shown(Quantity(free, 'B')).text} free"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at: ``ok``, ``warn``, ``bad`` or ``info``, what was found, what to mend."""

    name: str
    mark: Mark
    found: str
    mend: str


@dataclass(frozen=True)
class Health(Result):
    """What the doctor found."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(finding.mark != "bad" for finding in self.findings)

    @property
    def headline(self) -> str:
        """Whether everything is in place."""
        broken = [f.name for f in self.findings if f.mark == "bad"]
        if broken:
            return f"{len(broken)} broken: {', '.join(broken)}"
        to_see = sum(f.mark == "warn" for f in self.findings)
        return f"works, {to_see} to look at" if to_see else "everything is in place"

    def blocks(self) -> Iterable[Block]:
        """Yield the findings, what is broken first."""
        order = ("bad", "warn", "info", "ok")
        rows = sorted(self.findings, key=lambda f: order.index(f.mark))
        cells = tuple((Status(_WORDS[f.mark], f.mark), f.name, f.found, f.mend or " ") for f in rows)
        yield Table(("", "what", "found", "to mend it"), cells)


@dataclass(frozen=True)
class Takes:
    """Something on disk: its kind, name and bytes, and why it stays (empty when it can go)."""

    kind: str
    name: str
    size: int
    keep: str


@dataclass(frozen=True)
class Cleaned(Result):
    """What went and what stays."""

    items: tuple[Takes, ...]
    dry_run: bool

    @property
    def freed(self) -> int:
        """Bytes that were freed, or would be."""
        return sum(item.size for item in self.items if not item.keep)

    @property
    def headline(self) -> str:
        """How much was freed."""
        if not self.freed:
            return "nothing can go"
        return f"{shown(Quantity(self.freed, 'B')).text} {'would be' if self.dry_run else 'were'} freed"

    def blocks(self) -> Iterable[Block]:
        """Yield what takes how much."""
        gone = Status("would go", "info") if self.dry_run else Status("gone", "ok")
        rows = tuple(
            (i.kind, i.name, Quantity(i.size, "B"), Status(f"stays: {i.keep}", "info") if i.keep else gone)
            for i in self.items
        )
        yield Table(("what", "name", "size", ""), rows, empty="the workspace is empty")


@dataclass(frozen=True)
class Removed(Result):
    """A model, or versions of it, that are gone, and the stopped deployments that went with it."""

    model: str
    versions: tuple[str, ...]
    deployments: tuple[str, ...]

    @property
    def headline(self) -> str:
        """What is gone."""
        versions = f"{self.model} {', '.join(self.versions)}" if self.versions else self.model
        with_it = f", with the stopped {', '.join(self.deployments)}" if self.deployments else ""
        return f"removed {versions}{with_it}"


@dataclass(frozen=True)
class AuditLog(Result):
    """The last records of the audit log, and whether its chain of hashes is whole.

    Parameters
    ----------
    whole : bool
        Whether no record was changed, removed or added.
    records : int
        How many the log has.
    why : str
        What is wrong with the chain.
    head : str
        The hash of the last good record; kept elsewhere it proves the log up to here.
    entries : tuple of dict
        The last calls, from new to old; one that is only ``begun`` was cut off.
    """

    whole: bool
    records: int
    why: str
    head: str
    entries: tuple[dict[str, Any], ...]

    @property
    def headline(self) -> str:
        """Whether the log is what was written."""
        if not self.whole:
            return f"the audit log is NOT what was written: {self.why}"
        return (
            f"the audit log is whole: {_count(self.records, 'record')}"
            if self.records
            else "the audit log is empty"
        )

    def blocks(self) -> Iterable[Block]:
        """Yield the records, and the hash to keep."""
        columns = ("when", "who", "verb", "arguments", "outcome", "result")
        yield Table(columns, tuple(map(_audit_row, self.entries)), empty="no audited verb was called yet")
        if self.records:
            mark: Mark = "ok" if self.whole else "bad"
            yield Note(f"kept elsewhere, this hash proves the log up to here: {self.head}", mark)


def _audit_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    when = datetime.fromisoformat(entry["at"])
    who = f"{entry['who']}@{entry['host']}"
    outcome = Status(entry["outcome"], _OUTCOMES.get(entry["outcome"], "info"))
    arguments = {name: _shortened(value) for name, value in entry["arguments"].items()}
    return when, who, entry["verb"], arguments, outcome, entry["result"]


def _shortened(value: Any) -> str:
    text = shown(value).text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

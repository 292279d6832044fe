"""The workspace at a glance and in order: overview, doctor, clean, remove, audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.results import Block, Note, Result, Status, Table
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.store.audit import AuditEntry
    from mlops_jupyter.verbs.results import Mark

_OUTCOMES: dict[str, Mark] = {"done": "ok", "failed": "bad", "refused": "warn", "begun": "info"}


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
        The last records, from new to old.
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
        return f"the audit log is whole: {self.records} records" if self.records else "the audit log is empty"

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
    return when, who, entry["verb"], entry["arguments"], outcome, entry["result"]


@verb(stage="workspace")
def audit(*, limit: int = 20) -> AuditLog:
    """Show who did what and when, and verify that no record was changed.

    Parameters
    ----------
    limit : int
        How many records to show, from new to old. The whole chain is verified.

    Returns
    -------
    AuditLog
        The records and the state of the chain.

    Examples
    --------
    >>> mlops.audit(limit=5)  # doctest: +SKIP
    """
    from mlops_jupyter.store import audit as log
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    store = open_store(open_workspace())
    report = log.verify_chain(store)
    entries = tuple(_entry(entry) for entry in log.records(store, limit))
    return AuditLog(report.whole, report.records, report.why, report.head, entries)


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "who": entry.who,
        "host": entry.host,
        "verb": entry.verb,
        "arguments": entry.arguments,
        "outcome": entry.outcome,
        "result": entry.result,
    }

"""A drift report as Markdown: for a pull request, a wiki, a chat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import drift_table
from mlops_jupyter.verbs.drift_words import MARKS, MEASURE_NAMES
from mlops_jupyter.verbs.results import Note, Table
from mlops_jupyter.verbs.values import ABSENT, SYMBOLS, blocks, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload
    from mlops_jupyter.verbs.drift_report import DriftReport

_MEANT: Final = re.compile(r"([\\*_|<>\[\]#])")


def markdown(report: DriftReport) -> str:
    """Return a report as Markdown."""
    payload = report._values
    parts = [f"# {_plain(payload['title'])}", *_facts(payload), _ranking(payload), *_rest(payload)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(payload: Payload) -> Iterator[str]:
    pairs = drift_table.facts(payload).pairs
    yield "\n".join(f"- {name}: {_plain(shown(value).text)}" for name, value in pairs)


def _ranking(payload: Payload) -> str:
    name = MEASURE_NAMES[payload["measure"]]
    heads = ["column", "verdict", name, "95 %", *(["trend"] if payload["windows"] else []), "what changed"]
    rule = ["---", "---", "---:", "---", *(["---"] if payload["windows"] else []), "---"]
    rows = [heads, rule, *(_cells(payload, column) for column in payload["columns"])]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(payload: Payload, column: ColumnValues) -> list[str]:
    effect = column["effects"].get(payload["measure"])
    value = drift_table.decimal(effect["value"]) if effect else ABSENT
    bounds = f"{effect['low']:.3g} to {effect['high']:.3g}" if effect else ABSENT
    trend = column["trend"].get(payload["measure"], [])
    said = "; ".join(drift_table.sayings(column, payload["measure"]))
    return [
        _plain(column["name"]),
        f"{SYMBOLS[MARKS[column['verdict']]]} {column['verdict']}",
        value,
        bounds,
        *([blocks(trend, payload["limits"][payload["measure"]][0]) or ABSENT] if payload["windows"] else []),
        _with_code(said),
    ]


def _rest(payload: Payload) -> Iterator[str]:
    for block in (*drift_table.multivariate(payload), *drift_table.notes(payload)):
        if isinstance(block, Note):
            yield f"- {_plain(block.text)}"
        elif isinstance(block, Table):
            yield "\n".join(f"- {_plain(str(row[0]))}: {shown(row[1]).text}" for row in block.rows)


def _plain(text: str) -> str:
    """Return text as it is, and not as Markdown."""
    return _MEANT.sub(r"\\\1", text).replace("\n", " ")


def _with_code(text: str) -> str:
    """Return text with what is between backquotes as code, in which a bar alone must be escaped."""
    parts = text.split("`")
    code = ("`{}`".format(part.replace("|", "\\|")) for part in parts[1::2])
    plain = [_plain(part) for part in parts[::2]]
    return plain[0] + "".join(coded + after for coded, after in zip(code, plain[1:], strict=False))

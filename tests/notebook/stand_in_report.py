"""A drift report by the contract, for the widget's tests: it answers from a file, with no deployment."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError

PAYLOAD = Path(__file__).parent / "drift_payload.json"


class StandInReport:
    """Shows itself as `DriftReport` does: html and text always, and a payload for the widget."""

    def __init__(self, every: float | None = None, columns: int | None = None, name: str = "delay") -> None:
        self.every, self.again, self.asked = every, self.ask, []
        self._whole = json.loads(PAYLOAD.read_text(encoding="utf-8")) | {"deployment": name}
        if columns:
            self._whole["columns"] = list(_repeated(self._whole["columns"], columns))

    def payload(self) -> dict[str, Any]:
        return self._whole

    def ask(self, selection: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(selection)
        if selection["slice"] and "==" not in selection["slice"]:
            raise UsageError(
                f"slice {selection['slice']!r} does not parse at column 8", hint="write origin=='JFK'"
            )
        payload = copy.deepcopy(self._whole)
        if selection["window"]:
            payload["current"] |= {
                "label": "one hour",
                "since": selection["window"],
                "rows": 700 + len(self.asked),
            }
            payload["columns"] = [_quieter(column) for column in payload["columns"]]
        return payload

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {
            "text/plain": self._whole["title"],
            "text/html": f"<table><tr><td>{self._whole['title']}</table>",
        }


def _quieter(column: dict[str, Any]) -> dict[str, Any]:
    effects = {
        name: effect | {key: 0.05 * effect[key] for key in ("value", "low", "high")}
        for name, effect in column["effects"].items()
    }
    return column | {"effects": effects}


def _repeated(columns: list[dict[str, Any]], wanted: int) -> list[dict[str, Any]]:
    return [
        column | ({"name": f"{column['name']}_{at // len(columns)}"} if at >= len(columns) else {})
        for at, column in ((at, columns[at % len(columns)]) for at in range(wanted))
    ]

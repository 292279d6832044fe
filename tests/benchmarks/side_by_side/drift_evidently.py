"""Evidently's preset for drift, as its documentation says; it runs in an environment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidently import Report
from evidently.presets import DataDriftPreset

if TYPE_CHECKING:
    import pandas as pd


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Return the columns that the report calls drifted."""
    report = Report([DataDriftPreset()]).run(current, reference)
    configured = [(metric["config"], metric["value"]) for metric in report.dict()["metrics"]]
    return [config["column"] for config, value in configured if "column" in config and over(config, value)]


def over(config: dict[str, Any], value: float) -> bool:
    """Return whether a column's value is on the far side of its threshold."""
    if "p_value" in config["method"]:
        return value < float(config["threshold"])
    return value > float(config["threshold"])


if __name__ == "__main__":
    from drift_turns import take_turns

    take_turns(compare)

"""Records as JSON, and back; what another release added or lacks is left to its default."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.records.run import Fingerprint, RunRecord, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Noun = TypeVar("Noun")


def text_of(record: object, without: frozenset[str] = frozenset()) -> str:
    """Return a record's fields as JSON, without those that are kept elsewhere or stand at their default."""
    kept = {
        each.name: value
        for each in fields(record)  # type: ignore[arg-type]
        if each.name not in without and (value := getattr(record, each.name)) not in (None, "", (), {})
    }
    return json.dumps(kept, default=plain, separators=(",", ":"))


def plain(value: Any) -> Any:
    """Return what JSON has no word for as what it has one for."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "items"):
        return dict(value)
    return str(value)


def step_of(facts: Mapping[str, Any]) -> StepRecord:
    """Make a step's record of its facts."""
    return made(StepRecord, facts, STEP)


def run_of(facts: Mapping[str, Any]) -> RunRecord:
    """Make a run's record of its facts; `steps` are records already."""
    return made(RunRecord, {"parameters": {}} | dict(facts), RUN)


def fingerprint_of(facts: Mapping[str, Any]) -> Fingerprint:
    """Make a fingerprint of its facts."""
    return made(Fingerprint, facts, {"outputs": tuple})


def failure_of(facts: Mapping[str, Any]) -> Failure:
    """Make a failure of its facts."""
    return made(Failure, facts, {})


def needs_of(facts: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Make a graph of its facts."""
    return {name: tuple(needs) for name, needs in facts.items()}


def made(noun: type[Noun], facts: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], Any]]) -> Noun:
    """Build a noun of what is known of it, each fact by its kind."""
    known = {each.name for each in fields(noun)} & facts.keys()  # type: ignore[arg-type]
    return noun(
        **{
            name: kinds[name](facts[name]) if name in kinds and facts[name] is not None else facts[name]
            for name in known
        }
    )


STEP: Mapping[str, Callable[[Any], Any]] = {
    "fingerprint": fingerprint_of,
    "failure": failure_of,
    "started": datetime.fromisoformat,
    "ended": datetime.fromisoformat,
    "executed": Path,
    "cells": tuple,
    "reads": tuple,
}
RUN: Mapping[str, Callable[[Any], Any]] = {
    "file": Path,
    "started": datetime.fromisoformat,
    "ended": datetime.fromisoformat,
    "needs": needs_of,
    "steps": tuple,
}

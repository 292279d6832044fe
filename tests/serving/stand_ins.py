"""Variants and tables of weights without packages and files, for tests of what is around them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops_jupyter.serving.call import Outcome
from mlops_jupyter.serving.router import Contract

if TYPE_CHECKING:
    from mlops_jupyter.serving.weights import Weights


class Named:
    """A variant that tells which it is."""

    mode = "local"
    depth = 0
    answer_row = None
    contract = Contract("churn", {"input": {"columns": []}}, {})

    def __init__(self, slot: int, version: str, quick: bool = True) -> None:
        self.slot, self.version, self.digest = slot, version, "d" * 64
        self.quick_bytes = 1000 if quick else -1

    def stream_now(self, call):
        return None

    def answer_now(self, call):
        return Outcome(200, json.dumps([self.version, call.role, call.unit]).encode())

    async def respond(self, call):
        return self.answer_now(call)


class Fixed:
    """A table of weights that is there without a file."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def current(self) -> Weights:
        return self.weights

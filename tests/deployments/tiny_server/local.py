"""Answers what its package says."""

import asyncio
import os
from types import SimpleNamespace

import orjson

from .call import Outcome

CONTRACT = SimpleNamespace(
    model="tiny", serving={}, schema={"input": {"columns": [{"name": "a", "example": 1}]}}
)


class LocalVariant:
    mode = "local"
    contract = CONTRACT
    quick_bytes = -1
    depth = 0
    answer_row = None

    def __init__(self, slot, package, options=None, recorder=None):
        self.slot, self.digest = slot, "d" * 64
        self.version = self._answer = package.strip()

    def stream_now(self, call):
        return None

    def answer_now(self, call):
        return None

    async def respond(self, call):
        if b"crash" in call.body:
            os._exit(7)
        if b"slow" in call.body:
            await asyncio.sleep(0.4)
        return Outcome(200, orjson.dumps({"version": self.version, "pid": os.getpid(), "role": call.role}))

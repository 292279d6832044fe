"""Answers what its package says."""

import asyncio
import os
from types import SimpleNamespace

import orjson

CONTRACT = SimpleNamespace(
    model="tiny", serving={}, schema={"input": {"columns": [{"name": "a", "example": 1}]}}
)


class LocalVariant:
    mode = "local"
    contract = CONTRACT

    def __init__(self, slot, package):
        self.slot, self.digest = slot, "d" * 64
        self.version = self._answer = package.strip()

    async def respond(self, body, content_type, role, prediction_id):
        if b"crash" in body:
            os._exit(7)
        if b"slow" in body:
            await asyncio.sleep(0.4)
        return 200, orjson.dumps({"version": self.version, "pid": os.getpid(), "role": role})

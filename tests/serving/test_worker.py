"""A worker that ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import uvicorn

from mlops_jupyter.serving import worker


class Late:
    """A connection that was being accepted when all others were told to end, and on which nobody asks."""

    def __init__(self, connections: set) -> None:
        self._connections = connections

    def shutdown(self) -> None:
        self._connections.discard(self)


def test_a_connection_accepted_at_the_last_moment_does_not_hold_up_the_end():
    async def app(scope, receive, send) -> None:
        pass

    async def nothing() -> None:
        pass

    async def end() -> None:
        config = uvicorn.Config(app, lifespan="off", timeout_graceful_shutdown=worker.FINISH)
        config.load()
        server = worker._Server(config, nothing, SimpleNamespace(finish=nothing, close=nothing))
        server.servers, server.lifespan = [], config.lifespan_class(config)
        ending = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0)
        connections = server.server_state.connections
        connections.add(Late(connections))
        await asyncio.wait_for(ending, worker.FINISH / 2)
        assert not connections

    asyncio.run(end())

"""A worker that ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
import uvicorn

from mlops_jupyter.serving import worker


async def app(scope, receive, send) -> None:
    pass


async def nothing() -> None:
    pass


def server_with(finish=nothing, close=nothing) -> worker._Server:
    """A server that has begun, without a socket."""
    config = uvicorn.Config(app, lifespan="off", timeout_graceful_shutdown=worker.FINISH)
    config.load()
    server = worker._Server(config, nothing, SimpleNamespace(finish=finish, close=close))
    server.servers, server.lifespan = [], config.lifespan_class(config)
    return server


class Late:
    """A connection that was being accepted when all others were told to end, and on which nobody asks."""

    def __init__(self, connections: set) -> None:
        self._connections = connections

    def shutdown(self) -> None:
        self._connections.discard(self)


def test_a_connection_accepted_at_the_last_moment_does_not_hold_up_the_end():
    async def end() -> None:
        server = server_with()
        ending = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0)
        connections = server.server_state.connections
        connections.add(Late(connections))
        await asyncio.wait_for(ending, worker.FINISH / 2)
        assert not connections

    asyncio.run(end())


def test_what_waits_is_written_though_the_connections_end_badly():
    written = []

    async def fail() -> None:
        raise ConnectionError("gRPC ended badly")

    async def write() -> None:
        written.append("captures")

    async def end() -> None:
        await server_with(fail, write).shutdown()

    with pytest.raises(ConnectionError):
        asyncio.run(end())
    assert written == ["captures"]

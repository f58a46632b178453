"""How many may be connected: when all places are taken, who only waits gives way to who comes."""

import asyncio
from collections.abc import Callable

from wordbrush.errors import optional_packages
from wordbrush.serving.guards import Handler

with optional_packages():
    from aiohttp import web
    from aiohttp.typedefs import Middleware

MOST_SOCKETS = 512
IDLE_SECONDS = 20.0  # that a connection may take for the head of its next request


class _Closed(asyncio.Protocol):
    """A connection for which there is no place."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Door:
    """Counts the connections of a server. busy: those whose request is being answered, or which
    are WebSockets; they are never closed for another."""

    def __init__(self, most: int = MOST_SOCKETS):
        self.most = most
        self.busy: set[asyncio.BaseProtocol] = set()

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.busy.add(request.protocol)
            try:
                return await handler(request)
            finally:
                self.busy.discard(request.protocol)

        return counted

    def admits(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What `create_server` makes connections with."""

        def connection() -> asyncio.Protocol:
            there = [one for one in server.connections if one.transport is not None]
            if len(there) >= self.most:
                idle = next((one for one in there if one not in self.busy), None)
                if idle is None:
                    return _Closed()
                idle.force_close()
            return server()

        return connection

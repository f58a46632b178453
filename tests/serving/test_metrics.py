"""Metrics of pages: what is counted."""

import asyncio

import aiohttp
from aiohttp import web
from prometheus_client import REGISTRY

from wordbrush.serving import sites
from wordbrush.serving.guards import LOOPBACK, Access


async def broken(request: web.Request) -> web.Response:
    raise ZeroDivisionError


def test_a_handler_that_breaks_is_counted_as_a_fault_of_the_server():
    async def asked() -> int:
        app = sites.guarded(Access(LOOPBACK, None), "wordbrush.collector", 1 << 20)
        app.add_routes([web.get("/broken", broken)])
        async with (
            sites.served(app, "127.0.0.1", 0, 0) as address,
            aiohttp.ClientSession(address) as session,
            session.get("/broken") as response,
        ):
            return response.status

    assert asyncio.run(asked()) == 500
    labels = {"page": "collector", "route": "/broken", "status": "500"}
    assert REGISTRY.get_sample_value("wordbrush_web_requests_total", labels) == 1

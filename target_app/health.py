"""/livez, /readyz and /metrics: for the proxy, the orchestrator and Prometheus, not for clients."""

import asyncio

from fastapi import APIRouter, Response

from target_app import metrics
from target_app.problems import Problem
from target_app.services import Use

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def alive() -> Response:
    """The process answers. Nothing that a restart would not mend may fail this."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz")
async def ready(services: Use) -> Response:
    """The replica wants traffic: it does not drain, and its database and cache answer."""
    if services.draining:
        raise Problem(503, "draining", "This replica is shutting down")
    try:
        async with asyncio.timeout(2):
            await asyncio.gather(services.pool.fetchval("SELECT 1"), services.redis.ping())
    except Exception as error:
        raise Problem(503, "not-ready", "The database or the cache does not answer", str(error)) from error
    return Response("ok\n", media_type="text/plain")


@router.get("/metrics")
async def exposition() -> Response:
    body, content_type = await asyncio.to_thread(metrics.exposition)
    return Response(body, media_type=content_type)

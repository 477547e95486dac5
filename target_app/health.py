"""/livez, /readyz and /metrics: for the proxy, the orchestrator and Prometheus, not for clients."""

import asyncio
import logging

from fastapi import APIRouter, Request, Response

from target_app import metrics
from target_app.network import is_passed_on
from target_app.problems import Problem
from target_app.services import Use

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def alive() -> Response:
    """The process answers. Nothing that a restart would not mend may fail this."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz")
async def ready(services: Use) -> Response:
    """The replica wants traffic: it does not drain, and its database answers.

    The cache is not asked: bookings go on without it, and one that is away would take all replicas out at once.
    `cache_unanswered_total` tells of it, and the log.
    """
    if services.draining:
        raise Problem(503, "draining", "This replica is shutting down")
    try:
        await services.readiness.require()
    except Exception as error:
        log.warning("not ready: %r", error)
        raise Problem(503, "not-ready", "The database does not answer") from error
    return Response("ok\n", media_type="text/plain")


@router.get("/metrics")
async def exposition(request: Request) -> Response:
    """For who asks this replica itself: a proxy may be everybody's, and would give any replica's figures anyway."""
    if is_passed_on(request.scope):
        raise Problem(404, "not-found", "Not Found")
    body, content_type = await asyncio.to_thread(metrics.exposition)
    return Response(body, media_type=content_type)

"""The application: every area's routes behind the front door."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from target_app import health, metrics, problems
from target_app.agenda import routes as agenda
from target_app.appointments import routes as appointments
from target_app.deadlines import InFlight
from target_app.directory import routes as directory
from target_app.drain import announce_drain
from target_app.front_door import FrontDoor, HotRoute
from target_app.identity import account_routes as accounts
from target_app.identity import routes as identity
from target_app.notifications import routes as notifications
from target_app.records import routes as records
from target_app.services import open_services
from target_app.settings import Settings
from target_app.shedding import Overload
from target_app.web import routes as web

DESCRIPTION = """
Medical appointments: doctors publish slots, patients find a doctor and book. Times are UTC, prices are BRL cents.
Every write carries an `Idempotency-Key`. Errors are problem details (RFC 9457) whose `type` ends in a stable reason.
"""


class Api(FastAPI):
    """Knows the schema of problems: a model would be documented with the media type of a route's good answers."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"]["Problem"] = problems.SCHEMA
        return document


def create_app(settings: Settings, drain_s: float = 0.0) -> FrontDoor:
    """The ASGI application. `drain_s`: how long a replica that was told to stop still serves while it is not ready."""
    in_flight = InFlight(settings.request_deadline_s, time.perf_counter)
    overload = Overload(settings.overload_after_s or math.inf, settings.overload_wait_ms / 1e3)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            watching = asyncio.create_task(in_flight.watch(), name="watch over deadlines")
            try:
                with announce_drain(services, drain_s):
                    yield
            finally:
                watching.cancel()

    app = Api(
        title="Booking",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # the framework's pages run scripts from elsewhere; ours is in web/
        redoc_url=None,
        redirect_slashes=False,  # it would redirect to whatever host the client names
    )
    problems.install(app)
    hot: list[HotRoute] = []
    for area in (identity, accounts, directory, agenda, appointments, records, notifications, health, web):
        app.include_router(area.router)
        hot.extend(route for route in area.router.routes if isinstance(route, HotRoute))
    return FrontDoor(app, hot, metrics.observe, overload, in_flight)

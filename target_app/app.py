"""The application: every area's routes behind the front door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from target_app import health, metrics, problems
from target_app.agenda import routes as agenda
from target_app.appointments import routes as appointments
from target_app.directory import routes as directory
from target_app.drain import announce_drain
from target_app.front_door import FrontDoor, HotRoute
from target_app.identity import routes as identity
from target_app.services import open_services
from target_app.settings import Settings

DESCRIPTION = """
Medical appointments: doctors publish slots, patients find a doctor and book. Times are UTC, prices are BRL cents.
Every write carries an `Idempotency-Key`. Errors are problem details (RFC 9457) whose `type` ends in a stable reason.
"""


def create_app(settings: Settings, drain_s: float = 0.0) -> FrontDoor:
    """The ASGI application. `drain_s`: how long a replica that was told to stop still serves while it is not ready."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            with announce_drain(services, drain_s):
                yield

    app = FastAPI(title="Booking", version="0.1.0", description=DESCRIPTION, lifespan=lifespan, redoc_url=None)
    problems.install(app)
    hot: list[HotRoute] = []
    for area in (identity, directory, agenda, appointments, health):
        app.include_router(area.router)
        hot.extend(route for route in area.router.routes if isinstance(route, HotRoute))
    return FrontDoor(app, hot, metrics.observe)

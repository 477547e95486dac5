"""A worker that starts while the database does waits for it; what will never work ends it."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from slotrush.bench.wiretap import Wiretap
from target_app import database
from target_app.settings import Settings


@pytest.fixture
def settings_of(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """The stack's settings, with another database."""

    def settings_of(database_url: str) -> Settings:
        for name, value in (stack.environment() | {"DATABASE_URL": database_url}).items():
            monkeypatch.setenv(name, value)
        return Settings.from_environment()

    return settings_of


def test_a_database_that_is_away_is_waited_for(
    stack: Any, settings_of: Callable[[str], Settings], free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(stack.database_url)
    user = parts.netloc.rpartition("@")[0]
    away = settings_of(urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{free_port}", query="sslmode=disable")))

    async def connect_before_it_is_there() -> Any:
        connecting = asyncio.create_task(database.connect_once_there(away))
        await asyncio.sleep(0.3)
        assert not connecting.done()
        async with Wiretap(stack.database_url, free_port):
            pool = await connecting
            found = await pool.fetchval("SELECT 1")
            await pool.close()
        return found

    assert asyncio.run(connect_before_it_is_there()) == 1
    assert "the database is away" in caplog.text


def test_a_database_that_does_not_exist_is_not_waited_for(stack: Any, settings_of: Callable[[str], Settings]) -> None:
    nowhere = settings_of(urlunsplit(urlsplit(stack.database_url)._replace(path="/nowhere")))
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        asyncio.run(database.connect_once_there(nowhere))

import pytest

from slotrush.errors import BadInputError
from slotrush.stack import database
from slotrush.stack.ports import HOST, Ports


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana:secret@db:5432/x", "postgresql://ana:***@db:5432/x"),
        ("postgresql://ana:se@cret@db/x?sslmode=require", "postgresql://ana:***@db/x?sslmode=require"),
        ("postgresql://ana@db/x", "postgresql://ana@db/x"),
        ("redis://:secret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("redis://cache", "redis://cache"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert database.masked(url) == shown


def test_the_database_is_replaced_and_the_options_are_kept() -> None:
    assert database.with_database("postgresql://a:b@h:1/x?sslmode=require", "y") == (
        "postgresql://a:b@h:1/y?sslmode=require"
    )


def test_a_server_that_is_not_there_is_bad_input_without_the_password(ports: Ports) -> None:
    url = f"postgresql://ana:secret@{HOST}:{ports.free()}/x"
    with pytest.raises(BadInputError, match="it cannot be reached") as caught:
        database.create_for_user(url, "slotrush_run")
    assert "DATABASE_URL postgresql://ana:***@" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://127.0.0.1:1/x", "postgresql://127.0.0.1:port/x", "postgresql://[::1"]
)
def test_an_address_that_is_none_is_bad_input(url: str) -> None:
    with pytest.raises(BadInputError, match="DATABASE_URL"):
        database.create_for_user(url, "slotrush_run")


def test_the_primary_is_whichever_of_the_servers_takes_writes() -> None:
    urls = [f"postgresql://ana@127.0.0.1:{port}/slots" for port in (5432, 5433)]
    both = database.primary_of(urls)
    assert both == "postgresql://ana@127.0.0.1:5432,127.0.0.1:5433/slots?target_session_attrs=primary"
    assert database.addresses(both) == [("127.0.0.1", 5432), ("127.0.0.1", 5433)]
    assert database.at(both, [("127.0.0.1", 7), ("127.0.0.1", 8)]) == (
        "postgresql://ana@127.0.0.1:7,127.0.0.1:8/slots?target_session_attrs=primary"
    )

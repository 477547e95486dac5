"""The class that a user subclasses, and how the subclass is found."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from locustfiles.api import OPERATIONS, BookingApi, Call, NotOffered, load_adapter
from locustfiles.client import BookingClient
from slotrush.swarm import BadInputError, Session

GOOD = "from locustfiles.api import BookingApi\nclass Mine(BookingApi):\n    key_header = 'X-Key'\n"


def test_without_an_adapter_the_booking_system_of_slotrush_is_meant() -> None:
    assert load_adapter(None) is BookingApi
    assert load_adapter("") is BookingApi


def test_an_adapter_is_a_class_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)

    assert load_adapter(f"{path}:Mine").key_header == "X-Key"


@pytest.mark.parametrize(
    ("spec", "source", "problem"),
    [
        ("{}", GOOD, "does not name a class in a file"),
        ("{}:", GOOD, "does not name a class in a file"),
        ("{}.nowhere.py:Mine", GOOD, "there is no file .*nowhere.py"),
        ("{}:Yours", GOOD, "has no class Yours"),
        ("{}:Mine", "class Mine: pass", "has no class Mine that is a locustfiles.api.BookingApi"),
        ("{}:Mine", "import nowhere", "cannot be imported .ModuleNotFoundError: No module named 'nowhere'"),
        ("{}:Mine", "class", "cannot be imported .SyntaxError"),
        ("{}:Mine", f"{GOOD}    offers = frozenset({{'agendas'}})", "`offers` has 'agendas', which is none of accept,"),
    ],
    ids=["no class", "empty class", "no file", "no such class", "other class", "import", "syntax", "operation"],
)
def test_what_is_no_adapter_is_bad_input(tmp_path: Path, spec: str, source: str, problem: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)

    with pytest.raises(BadInputError, match=f"(?s)adapter .*{problem}"):
        load_adapter(spec.format(path))


class Small(BookingApi):
    offers = frozenset({"agenda"})


def test_a_system_offers_what_it_says_and_nothing_else() -> None:
    assert Small().agenda("d1") == Call("GET", "/v1/doctors/d1/agenda")
    for operation in OPERATIONS - Small.offers:
        with pytest.raises(NotOffered, match=f"Small does not offer {operation}"):
            getattr(Small(), operation)("d1")


def test_every_operation_is_one_of_the_clients() -> None:
    """But for the two ends of an upload."""
    assert OPERATIONS - set(vars(BookingClient)) == {"announce_record", "record_uploaded"}


def test_dates_and_states_are_filters() -> None:
    day = date(2027, 2, 28)

    assert BookingApi().day(day, "requested").path == (
        "/v1/appointments?limit=50&state=requested&from=2027-02-28T00:00:00Z&until=2027-03-01T00:00:00Z"
    )
    assert BookingApi().clinic_day("d1", None).path == "/v1/doctors/d1/slots?limit=50"


def test_adapters_can_be_checked_by_who_must_stay_free_of_locust() -> None:
    code = "import sys, locustfiles.api; sys.exit(bool({'locust', 'gevent'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_persons_headers_are_the_token() -> None:
    assert BookingApi().headers(Session("p1", "", "secret")) == {"Authorization": "Bearer secret"}

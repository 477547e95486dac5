from datetime import date
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.targets import AllowedTarget, Origin, check_allowed, check_target, parse_origin, read_allow_list

STAGING = Origin("https", "staging.clinic.example", 443)


def _refusal(url: str, allow_list: Path | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        check_target(url, allow_list)
    return str(caught.value)


@pytest.fixture
def allow_list(tmp_path: Path) -> Path:
    path = tmp_path / "targets.toml"
    path.write_text('[[target]]\nurl = "https://Staging.clinic.example/"\nreason = "ours"\nuntil = 2999-12-31\n')
    return path


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://127.0.0.7/v1",
        "http://[::1]:8080",
        "http://[::ffff:127.0.0.1]",
        "http://localhost:80",
        "HTTP://LOCALHOST",
    ],
)
def test_this_machine_may_always_be_loaded(url: str) -> None:
    check_target(url, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://clinic.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://2130706433",
        "http://127.0.0.1.clinic.example",
        "http://localhost.clinic.example",
        "http://[::ffff:8.8.8.8]",
    ],
)
def test_any_other_server_is_refused_and_the_message_says_how_to_allow_it(url: str) -> None:
    message = _refusal(url)

    assert "not on this machine" in message
    assert f'[[target]] url = "{url}"' in message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clinic.example",
        "ftp://127.0.0.1",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1@clinic.example",
        "http://127.0.0.1\\@clinic.example",
        "http://127.0.0.1 .clinic.example",
        "http://127.0.0.1\n.clinic.example",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert "http://host:port" in _refusal(url)


def test_a_password_in_a_url_is_not_repeated() -> None:
    assert "secret" not in _refusal("https://me:secret@clinic.example")


@pytest.mark.parametrize("url", ["https://staging.clinic.example", "https://STAGING.clinic.example.:443/v1"])
def test_a_server_on_the_list_may_be_loaded(url: str, allow_list: Path) -> None:
    check_target(url, allow_list)


@pytest.mark.parametrize(
    "url",
    ["http://staging.clinic.example", "https://staging.clinic.example:8443", "https://clinic.example"],
)
def test_another_scheme_port_or_name_is_another_server(url: str, allow_list: Path) -> None:
    assert str(allow_list) in _refusal(url, allow_list)


def test_a_permission_ends_after_its_last_day() -> None:
    allowed = [AllowedTarget(STAGING, until=date(2026, 11, 30))]

    check_allowed(STAGING, allowed, "targets.toml", today=date(2026, 11, 30))
    with pytest.raises(BadInputError, match="until 2026-11-30 only"):
        check_allowed(STAGING, allowed, "targets.toml", today=date(2026, 12, 1))


def test_names_in_other_scripts_are_compared_as_dns_writes_them() -> None:
    assert parse_origin("https://clínica.example", "target").host == "xn--clnica-4va.example"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[target]\n", "not TOML"),
        ("\xff", "not TOML"),
        ('targets = ["https://clinic.example"]\n', "unknown key 'targets'"),
        ('target = "https://clinic.example"\n', "not a list of tables"),
        ("[[target]]\nreason = 'ours'\n", "target 1: it has no url"),
        ("[[target]]\nurl = 'https://a.example'\n[[target]]\nurl = 'b.example'\n", "target 2: b.example is not a URL"),
        ("[[target]]\nurl = 'https://a.example/api'\n", "has a path"),
        ("[[target]]\nurl = 'https://a.example'\nowner = 'me'\n", "unknown key 'owner'"),
        ("[[target]]\nurl = 'https://a.example'\nuntil = 'never'\n", "until = never is not a date"),
        ("[[target]]\nurl = 'https://a.example'\nuntil = 2026-11-30T10:00:00\n", "is not a date"),
    ],
)
def test_a_list_that_is_not_understood_is_refused_with_the_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "targets.toml"
    path.write_bytes(text.encode("latin-1"))

    message = _refusal("https://clinic.example", path)

    assert problem in message
    assert str(path) in message


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in _refusal("https://clinic.example", tmp_path / "targets.toml")
    assert "cannot be read" in _refusal("https://clinic.example", tmp_path)


def test_an_empty_list_allows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text("# nothing yet\n")

    assert read_allow_list(path) == []

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.errors import BadInputError
from slotrush.targets import AllowedTarget, Origin, check_allowed, check_target, parse_origin, read_allow_list

SPELLING = "another target by another spelling"
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
        "http://localhost.:80",
        "http://[0:0:0:0:0:0:0:1]:8080/v1?x=1#y",
        "http://127.0.0.1:",
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
        "http://[::]",
        "http://[::127.0.0.1]",  # an IPv6 address like any other, whatever it looks like
        "http://[64:ff9b::7f00:1]",  # to 127.0.0.1, but behind a gateway elsewhere (NAT64)
        "http://[2002:7f00:1::]",
        "http://[fe80::1]",
        "http://127.1",
        "http://0177.0.0.1",
        "http://0x7f.0.0.1",
        "http://127.0.0.1%2eclinic.example",
        "http://localhost%00.clinic.example",
        "http://ip6-localhost",
        "http://loopback.localhost",
        "http://localtest.me",  # a name that means 127.0.0.1 today may mean another server a moment later
        "http://127.0.0.1.nip.io",
    ],
)
def test_any_other_server_is_refused_and_the_message_says_how_to_allow_it(url: str, attack: Any) -> None:
    message = _refusal(url)

    attack(SPELLING).tried("refused")
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
        "http://127.0.0.1\t.clinic.example",
        "http://127.0.0.1;@clinic.example",
        "http://clinic.example@[::1]",
        "http://[::1].clinic.example",  # of the next four, Python's parser sees nothing but ::1
        "http://[::1]clinic.example:80",
        "http://clinic.example[::1]",
        "http://[::1]]",
        "http://[::1%25lo]",
        "http://[v1.127.0.0.1]",
        "http://[127.0.0.1]",
        "http://127.0.0.1:80:443",
        "http://127.0.0.1:+80",
        "http://127.0.0.1:8_0",
        "http://127.0.0.1:٨٠",
        "http://127.0.0.1:-1",
        "http:127.0.0.1",
        "http:/127.0.0.1",
        "http:///clinic.example",
        "//127.0.0.1",
        "javascript://127.0.0.1",
        "file://localhost/etc/passwd",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str, attack: Any) -> None:
    assert "http://host:port" in _refusal(url)
    attack(SPELLING).tried("refused")


def test_a_password_in_a_url_is_not_repeated() -> None:
    assert "secret" not in _refusal("https://me:secret@clinic.example")


@pytest.mark.parametrize("url", ["https://staging.clinic.example", "https://STAGING.clinic.example.:443/v1"])
def test_a_server_on_the_list_may_be_loaded(url: str, allow_list: Path) -> None:
    check_target(url, allow_list)


@pytest.mark.parametrize(
    "url",
    [
        "http://staging.clinic.example",
        "https://staging.clinic.example:8443",
        "https://clinic.example",
        "https://staging.clinic.example.evil.example",
        "https://xstaging.clinic.example",
        "https://staging-clinic.example",
        "https://st\u0430ging.clinic.example",  # with a Cyrillic letter
    ],
)
def test_another_scheme_port_or_name_is_another_server(url: str, allow_list: Path, attack: Any) -> None:
    assert str(allow_list) in _refusal(url, allow_list)
    attack(SPELLING).tried("refused")


@given(st.text("[]:@/\\.%;#?&127lo", max_size=12), st.text("[]:@/\\.%;#?&127lo", max_size=12))
def test_what_passes_for_this_machine_is_this_machine_for_every_parser(before: str, after: str) -> None:
    """Whatever stands around an address, it is refused, or is what everybody else takes for the server as well."""
    for address in ("127.0.0.1", "[::1]", "localhost"):
        url = f"http://{before}{address}{after}"
        try:
            check_target(url, None)
        except BadInputError:
            continue
        authority = re.split(r"[/?#]", url.removeprefix("http://"))[0]
        assert re.fullmatch(r"(127(\.[0-9]+){3}|\[::1\]|localhost)\.*(:[0-9]*)?", authority), url


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

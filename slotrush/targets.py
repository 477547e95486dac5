"""Which servers may be loaded: this machine's own, and those on an allow-list that the user keeps.

The list is a TOML file, by custom `targets.toml`, with one table per server:

    [[target]]
    url = "https://staging.clinic.example"   # scheme, host and port of the target, without a path
    reason = "our staging system"            # optional, for the reader
    until = 2027-01-31                       # optional: the last day on which it may be loaded
"""

import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from slotrush.errors import BadInputError

DEFAULT_LIST: Final = Path("targets.toml")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_KEYS: Final = {"url", "reason", "until"}
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(:[0-9]*)?")
"""A host and a port and nothing around them: of 'x[::1]' or '[::1].example' Python's parser sees only the address."""
_LIST_MEND: Final = 'Write it as [[target]] tables, each with url = "https://host:port"'


@dataclass(frozen=True)
class Origin:
    """A server's address as it is compared: lower case, with the port written out."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True)
class AllowedTarget:
    origin: Origin
    until: date | None
    """The last day on which it may be loaded; None is for ever."""


def check_target(url: str, allow_list: Path | None) -> None:
    """Raises BadInputError unless `url` is on a loopback address or on the allow-list.

    Without an `allow_list` it is `targets.toml` in the current folder, if there is one.
    """
    origin = parse_origin(url, thing="target")
    if is_loopback(origin.host):
        return
    path = allow_list or DEFAULT_LIST
    allowed = read_allow_list(path) if allow_list is not None or path.exists() else []
    check_allowed(origin, allowed, str(path), datetime.now(UTC).astimezone().date())


def check_allowed(origin: Origin, allowed: list[AllowedTarget], list_name: str, today: date) -> None:
    """Raises BadInputError unless one of `allowed` is `origin` and has not ended before `today`."""
    entries = [entry for entry in allowed if entry.origin == origin]
    if not entries:
        raise BadInputError(
            "target",
            f"{origin} is not on this machine, and not named in the allow-list {list_name}",
            f'If you may load that server, write it there: [[target]] url = "{origin}"',
        )
    if all(entry.until is not None and entry.until < today for entry in entries):
        raise BadInputError(
            "target",
            f"{origin} might be loaded until {max(str(entry.until) for entry in entries)} only ({list_name})",
            "Ask its owner again, then write a later date there",
        )


def parse_origin(url: str, thing: str) -> Origin:
    """The server that `url` names. Refuses what this parser and the client's could read differently."""
    mend = "Write it as http://host:port or https://host:port"
    if not url.isprintable() or set(url) & set(' \\"<>'):
        raise BadInputError(thing, f"{url!r} has a character that no URL may have", mend)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInputError(thing, f"{url} is not a URL ({error})", mend) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BadInputError(thing, f"{url or 'an empty text'} is not a URL of a web server", mend)
    if parts.username is not None or parts.password is not None:
        raise BadInputError(thing, f"the URL of {parts.hostname} carries a user name or password", mend)
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise BadInputError(thing, f"{url} names a host that is no valid name", mend)
    host = parts.hostname.rstrip(".")
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        raise BadInputError(thing, f"{url} names a host that is no valid name", mend) from None
    if port == 0:
        raise BadInputError(thing, f"{url} names port 0", mend)
    return Origin(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine: a loopback address, or `localhost` where that means nothing else.

    Any other name is foreign even if it resolves to 127.0.0.1 now: a moment later it may not.
    """
    if host == "localhost":
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
        except OSError:
            return False
        return all(ip_address(address).is_loopback for address in found)
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def read_allow_list(path: Path) -> list[AllowedTarget]:
    thing = f"allow-list {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(thing, "there is no such file", "Make it, or name another") from None
    except OSError as error:
        raise BadInputError(thing, f"it cannot be read ({error.strerror})", "Name a readable file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(thing, f"it is not TOML ({error})", _LIST_MEND) from None
    tables = content.pop("target", [])
    if content:
        raise BadInputError(thing, f"it has the unknown key {min(content)!r}", _LIST_MEND)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadInputError(thing, "`target` is not a list of tables", _LIST_MEND)
    return [_parse_entry(table, f"{thing}, target {number}") for number, table in enumerate(tables, start=1)]


def _parse_entry(table: Mapping[str, Any], thing: str) -> AllowedTarget:
    unknown = table.keys() - _KEYS
    if unknown:
        raise BadInputError(thing, f"it has the unknown key {min(unknown)!r}", f"Known are {', '.join(sorted(_KEYS))}")
    url, until = table.get("url"), table.get("until")
    if not isinstance(url, str):
        raise BadInputError(thing, "it has no url that is a text", _LIST_MEND)
    # TOML's date-times are dates to isinstance, but cannot be compared with them.
    if until is not None and (not isinstance(until, date) or isinstance(until, datetime)):
        raise BadInputError(thing, f"until = {until!s} is not a date", "Write it as until = 2027-01-31")
    origin = parse_origin(url, thing)
    if urlsplit(url).path.strip("/"):
        raise BadInputError(thing, f"{url} has a path, but a whole server is allowed or not", _LIST_MEND)
    return AllowedTarget(origin, until)

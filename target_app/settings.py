"""Everything that is configured from outside, by environment variables."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from target_app.network import Networks, networks

LOOPBACK: Final = networks("127.0.0.0/8,::1/128")
INTERNAL: Final = LOOPBACK + networks("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")


@dataclass(frozen=True)
class ObjectStore:
    """An S3 bucket for the patients' files. `public_endpoint`: where clients reach it."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    public_endpoint: str
    key_prefix: str
    """Put before every key, so that several systems can share one bucket."""

    @classmethod
    def from_environment(cls) -> "ObjectStore | None":
        """None when there is none. Raises SystemExit that names the first variable that is missing."""
        endpoint = os.environ.get("S3_ENDPOINT")
        if not endpoint:
            return None
        return cls(
            endpoint,
            _required("S3_BUCKET"),
            _required("S3_ACCESS_KEY_ID"),
            _required("S3_SECRET_ACCESS_KEY"),
            os.environ.get("S3_REGION") or "us-east-1",
            os.environ.get("S3_PUBLIC_ENDPOINT") or endpoint,
            os.environ.get("S3_KEY_PREFIX", ""),
        )


@dataclass(frozen=True)
class Settings:
    """`database_url` and `redis_url` have no default: a system that guesses its database loses data."""

    database_url: str
    redis_url: str
    smtp_url: str
    jwt_key_file: Path
    key_prefix: str = ""
    """Put before every Redis key, so that several systems can share one server."""
    database_connections: int = 8
    """Connections per process. Bookings are short; more connections only queue inside PostgreSQL."""
    trusted_proxies: Networks = LOOPBACK
    """Whose X-Forwarded-For is believed. Staff get in through no other proxy."""
    staff_networks: Networks = INTERNAL
    """Where staff may sign in and work from."""
    video_url_template: str = "https://video.clinic.example/{room}"
    """The link of an accepted appointment's video call. The room's name is random: whoever knows it gets in."""
    offer_s: int = 900
    """How long the first in a waiting list may think about a slot."""
    database_read_url: str | None = None
    """A streaming replica of the database, for what may be a little old: directory and agendas."""
    password_threads: int = 1
    """Threads per process that check passwords, each at most some 25 a second; the last to get the processor."""
    password_queue: int = 100
    """How many sign-ins per process may wait for one of them; more are told at once to come back later."""
    login_attempts_per_address: int = 300
    """Sign-ins per minute from one client address."""
    sign_ups_per_address: int = 10
    """Sign-ups per hour from one client address: each may tell a stranger that somebody is registered."""
    overload_after_s: int = 20
    """A queue in front of a replica that stands for so long is no rush but overload; 0: load is never shed."""
    overload_wait_ms: int = 200
    """Who has waited longer in that queue is then told to come back later. A read that is served still has a third of
    the 300 ms within which it is to be answered."""
    request_deadline_s: int = 30
    """A request that takes longer is ended, with what it asked of the database."""
    oidc_issuer: str = ""
    """The external issuer whose tokens count too, exactly as their 'iss' claim has it."""
    oidc_audience: str = ""
    oidc_roles_claim: str = "realm_access.roles"
    """Where its tokens say 'patient', 'doctor' or 'staff'; dots lead into nested claims."""
    reminder_h: int = 24
    """How many hours before its start a patient is reminded of an appointment."""
    notifier_metrics_port: int | None = None
    """Where the notifier's metrics can be scraped; None for nowhere."""
    object_store: ObjectStore | None = None
    """Without one there are no medical records; everything else works."""
    record_bytes_max: int = 20_000_000
    """Size of one file."""
    record_check_s: int = 120
    """How long a worker may take to check a file, and how soon another one takes over what a dead one left."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Raises SystemExit that names the first variable that is missing or wrong."""
        return cls(
            database_url=_required("DATABASE_URL"),
            redis_url=_required("REDIS_URL"),
            smtp_url=os.environ.get("SMTP_URL", "smtp://127.0.0.1:25"),
            jwt_key_file=Path(_required("JWT_KEY_FILE")),
            key_prefix=os.environ.get("REDIS_KEY_PREFIX", ""),
            database_connections=_count("DATABASE_CONNECTIONS", 8),
            trusted_proxies=_networks("TRUSTED_PROXIES", LOOPBACK),
            staff_networks=_networks("STAFF_NETWORKS", INTERNAL),
            video_url_template=_template("VIDEO_URL_TEMPLATE", cls.video_url_template),
            offer_s=_count("OFFER_S", cls.offer_s),
            database_read_url=os.environ.get("DATABASE_READ_URL") or None,
            password_threads=_count("PASSWORD_THREADS", 1),
            password_queue=_count("PASSWORD_QUEUE", 100),
            login_attempts_per_address=_count("LOGIN_ATTEMPTS_PER_ADDRESS", 300),
            sign_ups_per_address=_count("SIGN_UPS_PER_ADDRESS", cls.sign_ups_per_address),
            overload_after_s=_count("OVERLOAD_AFTER_S", cls.overload_after_s, least=0),
            overload_wait_ms=_count("OVERLOAD_WAIT_MS", cls.overload_wait_ms),
            request_deadline_s=_count("REQUEST_DEADLINE_S", cls.request_deadline_s),
            oidc_issuer=_issuer(),
            oidc_audience=_required("OIDC_AUDIENCE") if _issuer() else "",
            oidc_roles_claim=os.environ.get("OIDC_ROLES_CLAIM", "realm_access.roles"),
            object_store=ObjectStore.from_environment(),
            record_bytes_max=_count("RECORD_BYTES_MAX", 20_000_000),
            record_check_s=_count("RECORD_CHECK_S", 120),
            reminder_h=_count("REMINDER_H", cls.reminder_h),
            notifier_metrics_port=_port("NOTIFIER_METRICS_PORT", 9464),
        )


_PORT_MAX: Final = 65_535
_EXAMPLES: Final = {
    "DATABASE_URL": "postgresql://user:password@127.0.0.1:5432/booking",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "JWT_KEY_FILE": "/run/secrets/jwt.pem",
    "S3_BUCKET": "records",
    "S3_ACCESS_KEY_ID": "booking",
    "S3_SECRET_ACCESS_KEY": "…",
    "OIDC_ISSUER": "https://login.clinic.example/realms/clinic",
    "OIDC_AUDIENCE": "booking",
}


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set. Set it in the environment, for example {name}={_EXAMPLES[name]}")
    return value


def _issuer() -> str:
    value = os.environ.get("OIDC_ISSUER", "")
    if value and not value.startswith(("https://", "http://")):
        raise SystemExit(f"OIDC_ISSUER is {value!r}. It must be a URL, for example {_EXAMPLES['OIDC_ISSUER']}")
    return value


def _count(name: str, default: int, least: int = 1) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal() or int(value) < least:
        raise SystemExit(
            f"{name} is {value!r}. It must be a whole number of at least {least}, for example {name}={default}"
        )
    return int(value)


def _port(name: str, example: int) -> int | None:
    if not os.environ.get(name):
        return None
    port = _count(name, example)
    if port > _PORT_MAX:
        raise SystemExit(f"{name} is {port}. It must be a port of at most {_PORT_MAX}, for example {name}={example}")
    return port


def _template(name: str, default: str) -> str:
    value = os.environ.get(name, default)
    if not value.startswith("https://") or value.count("{room}") != 1 or value.count("{") != 1:
        raise SystemExit(f"{name} is {value!r}. It must be a https address with {{room}}, like {default}")
    return value


def _networks(name: str, default: Networks) -> Networks:
    value = os.environ.get(name)
    try:
        return default if value is None else networks(value)
    except ValueError as error:
        example = ",".join(map(str, default))
        raise SystemExit(f"{name} is wrong: {error}. Give networks with commas, for example {name}={example}") from None

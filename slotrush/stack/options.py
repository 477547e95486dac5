"""What a stack is asked for, and by which URLs it is reached."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slotrush.errors import BadInputError
from slotrush.stack import app
from slotrush.stack.objects import ObjectStore


@dataclass(frozen=True)
class StackOptions:
    """`port` is the proxies', None for a free one. Logs go to `run_dir`/logs; data to a folder that `stop` removes.

    `settings` are environment variables for the booking system's own processes. `objects`: with an object store for
    medical records, which is the one that S3_ENDPOINT in our environment names, or our own. `read_replica`: with a
    streaming replica of our database. `standby`: with one that knows of every write before its client does, and can
    take our database's place by `fail_over`. `slow_link_ms`: the booking system reaches its database over a link that
    becomes so slow, each way, when the `relay` gets a signal. `code`: which booking system. `cpu_quota_m`: thousandths
    of a core that each replica has. `replicas_max`: how many there may be later, at least, by `scale_to`.
    """

    run_dir: Path
    replicas: int = 2
    proxies: int = 2
    database_url: str | None = None
    redis_url: str | None = None
    port: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    objects: bool = True
    read_replica: bool = False
    standby: bool = False
    slow_link_ms: int | None = None
    code: app.Code = app.OURS
    cpu_quota_m: int | None = None
    replicas_max: int = 0

    @property
    def replicas_most(self) -> int:
        """What the database and the proxies must be sized for."""
        return max(self.replicas, self.replicas_max)

    @property
    def sheds_load(self) -> bool:
        """Whether proxies and replicas refuse anything under overload, which the replicas' own setting says."""
        return self.settings.get("OVERLOAD_AFTER_S", os.environ.get("OVERLOAD_AFTER_S")) != "0"


@dataclass(frozen=True)
class StackUrls:
    base_url: str
    replica_urls: tuple[str, ...]
    database_url: str
    redis_url: str
    redis_key_prefix: str
    smtp_url: str
    mailbox_path: Path
    jwt_key_file: Path
    objects: ObjectStore | None = None
    database_read_url: str | None = None

    def environment(self) -> dict[str, str]:
        """What any process of the booking system needs, beside our own environment."""
        return app.environment(
            DATABASE_URL=self.database_url,
            DATABASE_READ_URL=self.database_read_url or "",
            REDIS_URL=self.redis_url,
            REDIS_KEY_PREFIX=self.redis_key_prefix,
            SMTP_URL=self.smtp_url,
            JWT_KEY_FILE=str(self.jwt_key_file),
            **(self.objects.environment() if self.objects else {}),
        )


def check_options(options: StackOptions) -> None:
    """Raises BadInputError for options that do not go together."""
    for thing, count in (("replicas", options.replicas), ("proxies", options.proxies)):
        if count < 1:
            raise BadInputError(thing, f"{count} is too few", "Ask for at least 1")
    if options.read_replica and options.standby:
        raise BadInputError("standby", "there is one replica of the database, which is read from", "Do without one")
    if (options.read_replica or options.standby) and options.database_url is not None:
        raise BadInputError("read replica", "DATABASE_URL is not a server of ours", "Unset DATABASE_URL, or do without")

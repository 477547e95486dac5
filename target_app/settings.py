"""Everything that is configured from outside, by environment variables."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`database_url` and `redis_url` have no default: a system that guesses its database loses data."""

    database_url: str
    redis_url: str
    smtp_url: str
    jwt_key_file: Path
    key_prefix: str = ""
    """Put before every Redis key and channel, so that several systems can share one server."""
    database_connections: int = 8
    """Connections per process. Bookings are short; more connections only queue inside PostgreSQL."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Raises SystemExit that names the first variable that is missing."""

        def required(name: str) -> str:
            value = os.environ.get(name)
            if not value:
                raise SystemExit(f"{name} is not set. Set it in the environment, for example {name}={_EXAMPLES[name]}")
            return value

        return cls(
            database_url=required("DATABASE_URL"),
            redis_url=required("REDIS_URL"),
            smtp_url=os.environ.get("SMTP_URL", "smtp://127.0.0.1:25"),
            jwt_key_file=Path(required("JWT_KEY_FILE")),
            key_prefix=os.environ.get("REDIS_KEY_PREFIX", ""),
            database_connections=int(os.environ.get("DATABASE_CONNECTIONS", "8")),
        )


_EXAMPLES = {
    "DATABASE_URL": "postgresql://user:password@127.0.0.1:5432/booking",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "JWT_KEY_FILE": "/run/secrets/jwt.pem",
}

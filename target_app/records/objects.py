"""The patients' files in the object store. Clients send and fetch them there, by presigned URLs, never through here."""

import base64
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from target_app import clock
from target_app.problems import Problem
from target_app.records.content import file_name
from target_app.records.signing import Signer
from target_app.settings import ObjectStore

if TYPE_CHECKING:
    from obstore.store import S3Store

log = logging.getLogger(__name__)
UPLOAD_S: Final = 900
DOWNLOAD_S: Final = 300
"""How long the URLs of an upload and a download are valid."""
_CHUNK_BYTES: Final = 1 << 20
_TIMEOUT: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Upload:
    """`headers` must be sent exactly so, and the content must have the size that was declared: the URL signs both."""

    url: str
    headers: dict[str, str]


class Objects:
    """Everything raises Problem 503 when there is no store, or when it does not answer."""

    def __init__(self, settings: ObjectStore | None) -> None:
        self._settings = settings

    def upload(self, key: str, announced_at: datetime, content_type: str, size_bytes: int, sha256: bytes) -> Upload:
        """Where to PUT the content, once it is announced; always the same answer for the same announcement."""
        headers = {"Content-Type": content_type, "x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
        signed = headers | {"Content-Length": str(size_bytes)}
        url = self._signer.url("PUT", self._key(key), announced_at.astimezone(UTC), UPLOAD_S, signed)
        return Upload(url, headers)

    def download(self, key: str, name: str, content_type: str) -> str:
        """Where to GET the content, which a browser then saves under a safe form of `name`."""
        saved_as = file_name(name, content_type)
        plain = saved_as.encode("ascii", "replace").decode().replace("?", "_")
        query = {
            "response-content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(saved_as)}",
            "response-content-type": content_type,
            "response-cache-control": "private, no-store",
        }
        return self._signer.url("GET", self._key(key), clock.now(), DOWNLOAD_S, query=query)

    def require(self) -> None:
        """Raises Problem 503 when there is no store."""
        assert self._configured

    async def size_bytes(self, key: str) -> int | None:
        """None when there is no such object."""
        try:
            with _answering():
                return (await self._store.head_async(self._key(key)))["size"]
        except FileNotFoundError:
            return None

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raises FileNotFoundError."""
        with _answering():
            answer = await self._store.get_async(self._key(key))
            async for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        with _answering():
            await self._store.put_async(
                self._key(key), content, attributes={"Content-Type": content_type}, use_multipart=False
            )

    async def remove(self, keys: Sequence[str]) -> None:
        """Those that are gone already are fine."""
        with _answering():
            await self._store.delete_async([self._key(key) for key in keys])

    def _key(self, key: str) -> str:
        return self._configured.key_prefix + key

    @property
    def _configured(self) -> ObjectStore:
        if self._settings is None:
            raise Problem(503, "no-object-store", "There is no store for files", "S3_ENDPOINT is not configured.")
        return self._settings

    @cached_property
    def _signer(self) -> Signer:
        store = self._configured
        return Signer(store.public_endpoint, store.bucket, store.access_key_id, store.secret_access_key, store.region)

    @cached_property
    def _store(self) -> "S3Store":
        from obstore.store import S3Store  # noqa: PLC0415  20 MB that a replica without files need not carry

        store = self._configured
        return S3Store(
            store.bucket,
            endpoint=store.endpoint,
            access_key_id=store.access_key_id,
            secret_access_key=store.secret_access_key,
            region=store.region,
            client_options={"allow_http": True, "timeout": _TIMEOUT},
            retry_config={"max_retries": 2, "retry_timeout": _TIMEOUT},
        )


@contextmanager
def _answering() -> Iterator[None]:
    """Raises Problem 503 for a store that is not there; FileNotFoundError, for an object that is not, goes through."""
    from obstore.exceptions import BaseError  # noqa: PLC0415  see Objects._store

    try:
        yield
    except BaseError as error:
        log.warning("the object store does not answer: %s", error)
        raise Problem(503, "object-store-away", "The store for files does not answer", "Try again.") from error

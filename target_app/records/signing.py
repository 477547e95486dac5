"""Presigned S3 URLs, by AWS Signature Version 4 in the query string.

Here and not in the client library because only headers that are signed bind the uploader to the size, the type and
the checksum that they declared, and only a signed query gives a download its file name.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


@dataclass(frozen=True)
class Signer:
    """`endpoint`: where clients reach the store, for example https://s3.example.com; buckets are in the path."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    region: str

    def url(
        self,
        method: str,
        key: str,
        at: datetime,
        expires_in_s: int,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Valid from `at` (UTC) for a request with exactly these `headers`, which the URL does not carry."""
        endpoint = urlsplit(self.endpoint)
        path = quote(f"{endpoint.path.rstrip('/')}/{self.bucket}/{key}", safe=f"/{_UNRESERVED}")
        signed = {name.lower(): value.strip() for name, value in (headers or {}).items()} | {"host": endpoint.netloc}
        scope = f"{at:%Y%m%d}/{self.region}/s3/aws4_request"
        asked = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.access_key_id}/{scope}",
            "X-Amz-Date": f"{at:%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": str(expires_in_s),
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
            **(query or {}),
        }
        canonical_query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(asked.items()))
        canonical = "\n".join(
            [
                method,
                path,
                canonical_query,
                *(f"{name}:{value}" for name, value in sorted(signed.items())),
                "",
                asked["X-Amz-SignedHeaders"],
                "UNSIGNED-PAYLOAD",
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self._sign(at, "\n".join([_ALGORITHM, asked["X-Amz-Date"], scope, digest]))
        return f"{endpoint.scheme}://{endpoint.netloc}{path}?{canonical_query}&X-Amz-Signature={signature}"

    def _sign(self, at: datetime, text: str) -> str:
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (f"{at:%Y%m%d}", self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return quote(text, safe=_UNRESERVED)

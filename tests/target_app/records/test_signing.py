"""Our signatures are those of the store's own client library."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from obstore.store import S3Store

from target_app.records.signing import Signer

SIGNER = Signer("http://127.0.0.1:9000", "records", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "sa-east-1")
STORE = S3Store(
    SIGNER.bucket,
    endpoint=SIGNER.endpoint,
    access_key_id=SIGNER.access_key_id,
    secret_access_key=SIGNER.secret_access_key,
    region=SIGNER.region,
    client_options={"allow_http": True},
)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("key", ["files/0c5e", "a folder/João+1 (2)~.pdf"])
def test_a_url_is_signed_as_another_implementation_signs_it(method: str, key: str) -> None:
    theirs = parse_qs(urlsplit(obstore.sign(STORE, method, key, timedelta(seconds=300))).query)  # type: ignore[call-overload]
    at = datetime.strptime(theirs["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    ours = parse_qs(urlsplit(SIGNER.url(method, key, at, 300)).query)

    assert ours == theirs


def test_headers_and_query_change_the_signature() -> None:
    at = datetime(2027, 3, 1, tzinfo=UTC)
    urls = {
        SIGNER.url("PUT", "k", at, 60),
        SIGNER.url("PUT", "k", at, 60, {"Content-Length": "5"}),
        SIGNER.url("PUT", "k", at, 60, {"Content-Length": "6"}),
        SIGNER.url("PUT", "k", at, 60, query={"response-content-type": "text/plain"}),
    }
    assert len({url.partition("X-Amz-Signature=")[2] for url in urls}) == 4
    assert "content-length%3Bhost" in SIGNER.url("PUT", "k", at, 60, {"Content-Length": "5"})


def test_an_endpoint_may_lie_in_a_folder() -> None:
    signer = Signer("https://example.com/s3/", "b", "id", "key", "r")
    assert signer.url("GET", "k", datetime.now(UTC), 60).startswith("https://example.com/s3/b/k?")

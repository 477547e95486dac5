"""Presigned URLs in the wrong hands: each opens the one thing that it was given for, and nothing beside it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx
import obstore
import pytest

from target_app.records.signing import Signer
from tests.attacks import Attacks

KEYS: Final = "paths in object keys, changed presigned URLs"
PATHS: Final = (
    "..",
    "../..",
    "%2e%2e",
    "..%2f..",
    "....//",
    "/",
    "//",
    ".",
    "%00",
    "\\..\\",
    "%252e%252e",
    "*",
    "?",
    "",
)
REFUSED: Final = (400, 401, 403, 404, 405)
NAMES: Final = (
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "files/../../another-bucket/key",
    "%2e%2e%2fetc",
    "a/b/c",
    ".htaccess",
    "CON",
    "report.pdf.exe",
    'a"; filename="b.exe',
    "a'; filename*=UTF-8''b.exe",
    "a; attachment",
    "a\u202efdp.exe",
)


def changed(url: str, path: str | None = None, **query: str | None) -> str:
    """The URL with another path or with parameters added, changed or, if None, left out."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True)) | query
    kept = {name: value for name, value in asked.items() if value is not None}
    path = parts.path if path is None else path
    return f"{parts.scheme}://{parts.netloc}{path}?{urlencode(kept, quote_via=quote)}"


@pytest.fixture
def stored(upload: Any, fetch: Any, pdf: bytes, patient: Any) -> str:
    """The URL of a patient's stored file."""
    return str(fetch(patient, upload(patient, pdf)["id"])["url"])


@pytest.fixture
def others_path(upload: Any, fetch: Any, rival: Any, pdf: bytes) -> str:
    """Where another patient's file lies."""
    return str(urlsplit(fetch(rival, upload(rival, pdf + b"of the rival")["id"])["url"]).path)


@pytest.fixture
def everything(bucket: Any, stack: Any) -> Callable[[], dict[str, str]]:
    """All objects of the system, with their checksums. Workers remove what is no longer needed."""

    def everything() -> dict[str, str]:
        batches = obstore.list(bucket, prefix=stack.objects.key_prefix)
        return {each["path"]: str(each["e_tag"]) for batch in batches for each in batch}

    return everything


def test_a_download_opens_nothing_else(stored: str, others_path: str, pdf: bytes, attack: Attacks) -> None:
    tried, path = attack(KEYS), urlsplit(stored).path
    folder, bucket = path.rpartition("/")[0], "/" + path.split("/")[1]
    assert httpx.get(stored).content == pdf
    later = f"{datetime.now(UTC) + timedelta(days=1):%Y%m%dT%H%M%SZ}"
    urls = [
        changed(stored, others_path),
        changed(stored, bucket),
        changed(stored, "/"),
        changed(stored, f"{bucket}/"),
        *(changed(stored, f"{folder}/{step}/{others_path.rpartition('/')[2]}") for step in PATHS),
        *(changed(stored, f"{path}{step}") for step in PATHS if step not in ("", "/", "//", "?")),
        *(changed(stored, f"{bucket}/{step}{others_path}") for step in PATHS),
        changed(stored, **{"X-Amz-Signature": None}),
        changed(stored, **{"X-Amz-Signature": "0" * 64}),
        changed(stored, **{"X-Amz-Expires": "604800"}),
        changed(stored, **{"X-Amz-Date": later}),
        changed(stored, **{"X-Amz-Credential": "another/20260101/us-east-1/s3/aws4_request"}),
        changed(stored, **{"X-Amz-Algorithm": "none"}),
        changed(stored, **{"X-Amz-SignedHeaders": ""}),
        changed(stored, **{"response-content-type": "text/html"}),
        changed(stored, **{"response-content-disposition": "inline"}),
        changed(stored, **{"list-type": "2"}),
        changed(stored, **{"versions": ""}),
        changed(stored, **{"acl": ""}),
        urlunsplit(urlsplit(stored)._replace(query="")),
        urlunsplit(urlsplit(stored)._replace(path=bucket, query="list-type=2")),
        urlunsplit(urlsplit(stored)._replace(path="/", query="")),
    ]
    for url in urls:
        answer = httpx.get(url)
        tried.tried(f"{answer.status_code}")
        assert answer.status_code in REFUSED, (url, answer.text[:300])
        assert b"of the rival" not in answer.content


def test_a_download_writes_and_removes_nothing(
    stored: str, pdf: bytes, everything: Callable[[], dict[str, str]], attack: Attacks
) -> None:
    before = everything()
    for method in ("PUT", "POST", "DELETE", "PATCH", "COPY"):
        answer = httpx.request(method, stored, content=b"" if method == "DELETE" else b"evil")
        attack(KEYS).tried(f"{answer.status_code}")
        assert answer.status_code in REFUSED, (method, answer.text)
    assert everything().items() <= before.items()
    assert httpx.get(stored).content == pdf


def test_an_upload_puts_only_what_was_announced_where_it_was(
    announce: Any, patient: Any, pdf: bytes, others_path: str, everything: Callable[[], dict[str, str]], attack: Attacks
) -> None:
    announced = announce(patient, pdf).json()
    url, headers = announced["upload_url"], announced["upload_headers"]
    before, path = everything(), urlsplit(url).path
    tries: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("PUT", url, pdf + b"more", headers),
        ("PUT", url, pdf[:-1], headers),
        ("PUT", url, pdf[:-1] + b"x", headers),
        ("PUT", url, pdf, headers | {"Content-Type": "text/html"}),
        ("PUT", url, pdf, headers | {"x-amz-acl": "public-read", "x-amz-checksum-sha256": "AAAA"}),
        ("PUT", url, pdf, {}),
        ("GET", url, b"", {}),
        ("DELETE", url, b"", {}),
        *(("PUT", changed(url, target), pdf, headers) for target in (others_path, f"{path}/../evil", f"{path}%2fevil")),
        *(("PUT", changed(url, f"{path.rpartition('/')[0]}/{step}/evil"), pdf, headers) for step in PATHS),
        ("PUT", changed(url, **{"X-Amz-Signature": "0" * 64}), pdf, headers),
        ("PUT", changed(url, **{"X-Amz-Expires": "604800"}), pdf, headers),
        ("PUT", changed(url, **{"X-Amz-SignedHeaders": "host"}), pdf, headers),
    ]
    for method, target, content, sent in tries:
        answer = httpx.request(method, target, content=content, headers=sent)
        attack(KEYS).tried(f"{answer.status_code}")
        assert answer.status_code in REFUSED, (method, target, sent, answer.text[:300])
    assert everything().items() <= before.items(), "there is nothing new, and what is there did not change"
    assert httpx.put(url, content=pdf, headers=headers).status_code == 200, "what was announced still goes there"


def test_what_is_stored_does_not_change_by_another_upload(
    announce: Any, put: Any, finish: Any, checked: Any, fetch: Any, patient: Any, pdf: bytes, attack: Attacks
) -> None:
    """The URL of an upload is good for a while after the file was checked."""
    announced = announce(patient, pdf)
    put(announced, pdf)
    record = announced.json()["id"]
    finish(patient, record)
    checked(patient, record)
    put(announced, pdf)
    attack(KEYS).tried("changes nothing")
    assert httpx.get(fetch(patient, record)["url"]).content == pdf


def test_a_name_is_no_part_of_a_key_and_harmless_where_it_is_told(
    announce: Any, put: Any, finish: Any, checked: Any, fetch: Any, patient: Any, pdf: bytes, attack: Attacks
) -> None:
    """Those that are printable can be a file's name at all."""
    records = {}
    for name in NAMES:
        announced = announce(patient, pdf, name=name)
        stored = announced.status_code == 201
        attack(KEYS).tried("a harmless name" if stored else f"{announced.status_code}")
        assert stored is name.isprintable()
        if stored:
            put(announced, pdf)
            records[name] = announced.json()["id"]
            finish(patient, records[name])
    for name, record in records.items():
        checked(patient, record)
        answer = httpx.get(fetch(patient, record)["url"])
        assert (answer.content, answer.headers["content-type"]) == (pdf, "application/pdf")
        assert name not in answer.url.path
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith('attachment; filename="')
        assert disposition.count(";") == 2
        assert not set("/\\") & set(disposition)
        assert disposition.endswith(".pdf")


def test_a_signature_is_for_one_key(attack: Attacks) -> None:
    """What would be the same file system path is another key, and signed as such."""
    signer = Signer("http://127.0.0.1:1", "b", "id", "secret", "r")
    at = datetime(2027, 3, 1, tzinfo=UTC)
    keys = ["files/a", "files/./a", "files//a", "files/x/../a", "/files/a", "files/a/", "files/a%2f", "FILES/a"]
    signatures = {signer.url("GET", key, at, 60).rpartition("=")[2] for key in keys}
    attack(KEYS).tried("another signature", len(keys))
    assert len(signatures) == len(keys)

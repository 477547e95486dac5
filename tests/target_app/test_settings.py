"""What is configured from outside, and whether the documentation says so."""

import re
from pathlib import Path

import pytest

from target_app.settings import Settings

REPOSITORY = Path(__file__).parents[2]
NEEDED = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "JWT_KEY_FILE": "/run/jwt.pem"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in _variables():
        monkeypatch.delenv(name, raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def _variables() -> set[str]:
    code = (REPOSITORY / "target_app" / "settings.py").read_text()
    return set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', code))


def test_every_variable_is_documented() -> None:
    table = (REPOSITORY / "docs" / "booking-system.md").read_text()
    assert {name for name in _variables() if f"`{name}`" not in table} == set()


@pytest.mark.usefixtures("environment")
def test_three_variables_suffice() -> None:
    settings = Settings.from_environment()
    assert settings.object_store is None
    assert settings.database_read_url is None
    assert settings == Settings("postgresql://h/d", "redis://h", "smtp://127.0.0.1:25", Path("/run/jwt.pem"))


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(SystemExit, match=f"{name} is not set.*for example {name}="):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_CONNECTIONS", "0"),
        ("PASSWORD_THREADS", "many"),
        ("STAFF_NETWORKS", "the clinic"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("OFFER_S", "-1"),
        ("NOTIFIER_METRICS_PORT", "99999"),
        ("VIDEO_URL_TEMPLATE", "https://video.example/room"),
        ("VIDEO_URL_TEMPLATE", "https://video.example/{appointment_id}"),
        ("OIDC_ISSUER", "keycloak"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit, match=name) as stopped:
        Settings.from_environment()
    assert value in str(stopped.value)


def test_half_a_store_is_none_at_all(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("S3_ENDPOINT", "http://127.0.0.1:8333")
    with pytest.raises(SystemExit, match="S3_BUCKET is not set"):
        Settings.from_environment()

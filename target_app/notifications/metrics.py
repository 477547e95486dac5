"""The notifier's own Prometheus metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

REGISTRY: Final = CollectorRegistry()
EMAILS: Final = Counter(
    "notifier_emails",
    "E-mails by what became of an attempt: sent, put_off, failed or overtaken",
    ["outcome"],
    registry=REGISTRY,
)
RETRIED: Final = Counter("notifier_emails_retried", "Attempts that were not an e-mail's first", registry=REGISTRY)
REMINDERS: Final = Counter("notifier_reminders", "Reminders that this scheduler added", registry=REGISTRY)
LOST: Final = Counter(
    "notifier_events_lost", "Events that the stream had lost and that are in the outbox again", registry=REGISTRY
)
OUTBOX_LAG: Final = Gauge(
    "notifier_outbox_lag_seconds", "Age of the oldest event that the stream does not have yet", registry=REGISTRY
)
for outcome in ("sent", "put_off", "failed", "overtaken"):
    EMAILS.labels(outcome)


@contextmanager
def served(port: int | None) -> Iterator[None]:
    """Meanwhile the metrics can be scraped from the port; from none when it is None."""
    if port is None:
        yield
        return
    server, thread = start_http_server(port, registry=REGISTRY)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

from typing import Any
from uuid import uuid4

import httpx

from tests.target_app.identity import replica


def test_a_replica_is_alive_and_ready(stack: Any) -> None:
    for url in stack.replica_urls:
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 200


def test_a_replica_whose_cache_is_away_is_ready_books_and_says_so(
    stack: Any, patient: Any, publish: Any, free_port: int, eventually: Any
) -> None:
    """All replicas share the cache: if they wanted none without it, nobody could book."""
    (slot,) = publish()
    with replica.running(stack, REDIS_URL=f"redis://127.0.0.1:{free_port}/0") as client:
        assert client.get("/readyz").status_code == 200
        booked = client.post("/v1/appointments", json={"slot_id": slot}, headers=patient.headers(str(uuid4())))
        assert booked.status_code == 201

        def unanswered() -> float:
            lines = client.get("/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith("cache_unanswered_total"))

        eventually(unanswered)


def test_metrics_count_requests_by_route_not_by_path(stack: Any, patient: Any, doctor: Any) -> None:
    url = stack.replica_urls[0]

    def count() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        of_agenda = 'http_requests_total{method="GET",route="/v1/doctors/{doctor_id}/agenda",status="200"}'
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(of_agenda))

    before = count()
    for _ in range(3):
        httpx.get(f"{url}/v1/doctors/{doctor.id}/agenda", headers=patient.headers())
    assert count() == before + 3
    assert doctor.id not in httpx.get(f"{url}/metrics").text


def test_clients_do_not_get_at_the_metrics(stack: Any, api: httpx.Client, attack: Any) -> None:
    past = attack("paths past the routes")
    for path in ("/metrics", "/%6detrics", "/metrics?x=1", "/metrics/", "/metrics%00"):
        past.tried(f"{api.get(path).status_code}")
        assert api.get(path).status_code == 404, path
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx.get(f"{stack.replica_urls[0]}/metrics", headers=forwarded).status_code == 404

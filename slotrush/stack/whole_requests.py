"""How a proxy spares replicas the requests of slow clients: it forwards a request when it has all of it.

A replica serves 32 requests of each proxy at a time. Without this, as many clients per replica that announce a body and
then send nothing keep everybody else out: slow HTTP POSTs, the younger brother of slowloris. Here they keep a
connection of the proxy's and what they sent, and nothing else. In Envoy it is the filter `buffer`.
"""

from typing import Any, Final

NAME: Final = "buffer"
BODY_BYTES_MAX: Final = 65_536
"""What the booking system takes (target_app/front_door.py); files go to the object store, not through here."""


def config() -> dict[str, Any]:
    """Of the filter. Requests without a body pass it untouched."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
        "max_request_bytes": BODY_BYTES_MAX,
    }


def own_answer() -> dict[str, Any]:
    """What the proxy says to a larger body (413): problem details, as a replica would."""
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": 413, "runtime_key": "too_large.status"}}
            }
        },
        "body_format_override": {
            "json_format": {
                "type": "/problems/too-large",
                "title": f"The request is larger than {BODY_BYTES_MAX} bytes",
                "status": 413,
            },
            "content_type": "application/problem+json",
        },
    }

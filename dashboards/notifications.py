"""The dashboard of notifications: does everyone hear of their booking, and soon."""

from dashboards.alerts import OUTBOX_LAG_MAX_S
from dashboards.board import Board
from dashboards.panels import THIRD, Query, Row, at_least, at_most, chart, figure
from dashboards.promql import APP, equal, increase, rate, select
from slotrush.slo import Objectives

DELIVERED_MIN = 0.99


def board(_: Objectives) -> Board:
    return Board(
        "notifications",
        "slotrush-notifications",
        "Notifications",
        "Does everyone hear of their booking, how late, and who does not?",
        [_now(), _flow(), _queue()],
    )


def _now() -> Row:
    sent, failed = (f"sum({increase('notifier_emails_total', equal('outcome', kind))})" for kind in ("sent", "failed"))
    retried = f"sum({increase('notifier_emails_retried_total')})"
    return "Now", [
        figure(
            "Behind by",
            "Age of the oldest event of which nobody has been told.",
            "s",
            Query(f"max({select('notifier_outbox_lag_seconds')})"),
            limits=at_most(OUTBOX_LAG_MAX_S),
        ),
        figure("Sent", "E-mails that a server took, in the time shown.", "short", Query(sent), decimals=0),
        figure(
            "Given up",
            "E-mails that were refused for good, in the time shown. They are dead letters now.",
            "short",
            Query(failed),
            limits=at_most(1),
            decimals=0,
        ),
        figure(
            "Delivered",
            "Share of the e-mails that came to an end, and to a good one.",
            "percentunit",
            Query(f"{sent} / ({sent} + {failed} > 0)"),
            limits=at_least(DELIVERED_MIN),
            decimals=2,
        ),
        figure("Second attempts", "In the time shown.", "short", Query(retried), decimals=0),
        figure(
            "Reminders",
            "That were added in the time shown, a day before the appointment.",
            "short",
            Query(f"sum({increase('notifier_reminders_total')})"),
            decimals=0,
        ),
    ]


def _flow() -> Row:
    return "From bookings to e-mails", [
        chart(
            "E-mails by outcome",
            "Put off is tried again later; overtaken was no longer worth telling.",
            "ops",
            Query(f"sum by (outcome) ({rate('notifier_emails_total')})", "{{outcome}}"),
        ),
        chart(
            "Bookings, and e-mails",
            "Each booking makes two e-mails: to the patient and to the doctor. In a rush they come later, and must"
            " catch up.",
            "ops",
            Query(f"sum({rate('bookings_total', APP, equal('outcome', 'booked'))})", "bookings"),
            Query(f"sum({rate('notifier_emails_total', equal('outcome', 'sent'))})", "e-mails"),
        ),
    ]


def _queue() -> Row:
    return "What waits", [
        chart(
            "Outbox",
            "Age of the oldest event that was stored with its booking and is not in the stream yet.",
            "s",
            Query(f"max by (instance) ({select('notifier_outbox_lag_seconds')})", "{{instance}}"),
            span=THIRD,
            limits=at_most(OUTBOX_LAG_MAX_S),
        ),
        chart(
            "Stream",
            "Events that no notifier has taken yet, and events that one has taken and not finished.",
            "short",
            Query(f"sum by (stream) ({select('redis_stream_group_lag')})", "{{stream}} not taken"),
            Query(f"sum by (stream) ({select('redis_stream_group_messages_pending')})", "{{stream}} in work"),
            span=THIRD,
        ),
        chart(
            "Attempts that were not the first",
            "A mail server that is slow or refuses shows here before anybody complains.",
            "ops",
            Query(f"sum({rate('notifier_emails_retried_total')})", "again"),
            span=THIRD,
        ),
    ]

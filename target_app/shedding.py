"""When a replica turns requests away: a rush is served in order, however long it queues; a queue that stands is not.

The proxy writes into X-Request-Start when a request came; what has passed since then is what it waited in the proxy's
queue and in this replica's. A queue that empties again is a rush, and good: everybody in it gets an answer. One that
stays for `after_s` is overload: whoever is served has waited in vain, and so has everybody behind. From then on only
those are served who waited for a moment, the others are told at once when to come back. The idea is CoDel's (RFC 8289:
a good queue drains, a bad one stands) in the form that Facebook gave it for servers (Maurer 2015, "Fail at Scale": a
long time-out while the queue has lately been empty, a short one when it has not).

To refuse costs a replica a part of what an answer does, so a proxy that forwards whatever comes can still drown it:
proxies should throttle by how many are refused ("Handling Overload", Google SRE book, chapter 21).
"""

import math
from collections.abc import Iterable
from typing import Final

STARTED: Final = b"x-request-start"
"""Seconds since 1970, as 't=1700000000.123': nginx's `t=${msec}`. The proxy must overwrite what a client sends."""
LOOK_S: Final = 0.05
"""While all is well, so often one request is looked at: the others cost nothing."""
GAP_S: Final = 1.0
"""Nobody looked at for so long: what was seen before says nothing about now."""
CALM_S: Final = 10.0
"""Overload is over when nobody had to be refused for so long."""
TRUST_S: Final = 5.0
"""To refuse everybody must show within so long that fewer wait, if it is a queue that they come from."""
JUMP_S: Final = 10.0
"""Ages that grow by so much more than time passes are those of a clock: whoever came after one who did not wait cannot
have waited for longer than since then. The queues of several proxies differ by less."""
AGE_S_MAX: Final = 3600.0
"""Nobody waits for an hour: a clock was set."""


def age_s(headers: Iterable[tuple[bytes, bytes]], wall_s: float) -> float | None:
    """How long ago the request came to the proxy, None when no proxy said so. `wall_s`: seconds since 1970."""
    for name, value in headers:
        if name == STARTED:
            try:
                found_s = wall_s - float(value.removeprefix(b"t="))
            except ValueError:
                return None
            return found_s if abs(found_s) < AGE_S_MAX else None
    return None


class Overload:
    """Whether there is overload, judged by how long requests have waited. All times in seconds, of a monotonic clock.

    `wait_s_max`: how long a request may wait under overload. A request whose age says that it waited longer than that
    is *late*. `after_s`: requests that are late without a break for so long are overload; infinite for never.

    Ages mix the clocks of two machines. If they jump, or if all are late for TRUST_S although all are refused, and
    their least age does not fall, then it is not the queue that makes them old: the age, or the least of them, is taken
    for the difference of the clocks.
    """

    def __init__(self, after_s: float, wait_s_max: float) -> None:
        self._after_s, self._wait_s_max = after_s, wait_s_max
        self.shedding = False
        self.look_s = math.inf if after_s == math.inf else 0.0
        """Before this time no request need be looked at."""
        self._offset_s = 0.0
        self._on_time_s: float | None = None
        self._looked_s = -math.inf
        self._late_since_s: float | None = None
        self._late_s = -math.inf  # what follows is of the time while there is overload
        self._served = False
        self._window_s = self._least_s = self._window_least_s = 0.0

    def refuses(self, age_s: float, now_s: float) -> bool:
        """Whether a request of this age is to be turned away."""
        if age_s < self._offset_s or self._has_jumped(age_s, now_s):
            self._offset_s = max(age_s, 0.0)
        late = age_s - self._offset_s > self._wait_s_max
        if not late:
            self._on_time_s = now_s
        if self.shedding and now_s - self._late_s >= CALM_S:
            self._relax()
        if not self.shedding and not self._stands(late, now_s):
            return False
        return self._refuses_late(late, age_s, now_s)

    def _has_jumped(self, age_s: float, now_s: float) -> bool:
        return self._on_time_s is not None and age_s - self._offset_s > now_s - self._on_time_s + JUMP_S

    def _stands(self, late: bool, now_s: float) -> bool:
        """Whether the queue has now stood for too long; shedding has begun then."""
        had_looked_s, self._looked_s, self.look_s = self._looked_s, now_s, now_s + LOOK_S
        if not late:
            self._late_since_s = None
        elif self._late_since_s is None or now_s - had_looked_s > GAP_S:
            self._late_since_s = now_s
        elif now_s - self._late_since_s >= self._after_s:
            self.shedding, self.look_s, self._late_s = True, 0.0, now_s
            self._window_least_s = -math.inf
            self._open_window(now_s)
            return True
        return False

    def _refuses_late(self, late: bool, age_s: float, now_s: float) -> bool:
        if not late:
            self._served = True
            return False
        self._late_s = now_s
        self._least_s = min(self._least_s, age_s)
        if now_s - self._window_s >= TRUST_S:
            if not self._served and self._least_s >= self._window_least_s > -math.inf:
                self._offset_s = self._least_s
                self._relax()
                return False
            self._window_least_s = self._least_s
            self._open_window(now_s)
        return True

    def _open_window(self, now_s: float) -> None:
        self._window_s, self._least_s, self._served = now_s, math.inf, False

    def _relax(self) -> None:
        self.shedding, self._late_since_s = False, None

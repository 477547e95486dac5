"""A fault of the network: nothing is lost, all of it takes longer."""

from slotrush.chaos.fault import Fault, Site
from slotrush.stack import relay


class SlowNetwork(Fault):
    name = "slow-network"
    title = "40 ms more each way between the booking system and its database, as between regions"
    effect = "each statement takes 80 ms longer; what needs several may miss its objective until it is over"
    slow_link_ms = 40
    lasts_s = 15.0
    back_within_s = 20

    def inject(self, site: Site) -> str | None:
        relays = site.stack.living("relay")
        for part in relays:
            part.signal(relay.SLOW)
        return "postgres link" if relays else None

    def heal(self, site: Site) -> None:
        for part in site.stack.living("relay"):
            part.signal(relay.FAST)

    def is_over(self, _site: Site) -> bool:
        return True

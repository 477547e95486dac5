"""How much the system can take: scaling laws, queueing, search for the limit, plan and cost, as pure functions."""

"""The sweep: for each number of replicas the highest rate of arrivals that still meets the objectives, by experiment.

`model`, `verdict`, `utilisation`, `searching` and `law` are pure; `probing` plays one swarm, `sweeping` all of them.
"""

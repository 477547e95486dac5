"""Replicas that follow the load: simulated, and on this machine, by the manifest that is applied to a cluster."""

"""The plan: from a sweep, a demand and prices to replicas, what goes with them, what it costs, and patches for k8s/.

`evidence`, `measured`, `series`, `making` and `patch` are pure; `showing` is for the screen.
"""

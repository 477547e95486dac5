"""Faults under load: what is broken and when, what it may cost, and how long the system takes to be back."""

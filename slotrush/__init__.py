"""slotrush: load tests, audits and capacity plans for a medical-appointment booking system."""

__version__ = "0.1.0"

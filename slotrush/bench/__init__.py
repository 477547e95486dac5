"""Benchmarks of the booking system: the CPU of a request beside a bare one, and bookings under a storm of logins."""

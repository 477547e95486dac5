"""Booking races and what becomes of an appointment."""

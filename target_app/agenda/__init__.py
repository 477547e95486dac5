"""Doctors' slots: publishing them, reading them."""

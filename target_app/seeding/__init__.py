"""Filling an empty system with made-up people, clinics and slots."""

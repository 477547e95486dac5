"""Scenarios for Locust: one file each, one client for all of them."""

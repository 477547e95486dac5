"""The run record: everything that is known about one swarm, in one SQLite file."""

"""A lean, asynchronous medical-appointment booking system: the reference target of slotrush."""

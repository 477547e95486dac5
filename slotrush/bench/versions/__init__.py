"""Two versions of the booking system on one machine, which take turns: `slotrush gate --against`."""

"""Finding doctors."""

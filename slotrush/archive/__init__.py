"""The runs that are kept: found, listed, shown, compared and pruned."""

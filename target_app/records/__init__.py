"""Medical records: files, shares, prescriptions."""

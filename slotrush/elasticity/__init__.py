"""What a check of the scaling found, of a cluster or of replicas on this machine: its measures, its JSON, its table."""

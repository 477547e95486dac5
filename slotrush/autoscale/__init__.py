"""Scaling the replicas: the algorithm of Kubernetes' HorizontalPodAutoscaler, and a simulator of what it leads to."""

"""Process accounting: what each component of a run costs in CPU and memory, read from /proc."""

from slotrush.accounting.sampler import ComponentUsage, Load, Sample, UsageSampler, loads

__all__ = ["ComponentUsage", "Load", "Sample", "UsageSampler", "loads"]

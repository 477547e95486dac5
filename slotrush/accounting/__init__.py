"""Process accounting: what each component of a run costs in CPU and memory, read from /proc, and in SQL statements."""

from slotrush.accounting.sampler import ComponentUsage, Load, Sample, UsageSampler, loads
from slotrush.accounting.statements import StatementCounter

__all__ = ["ComponentUsage", "Load", "Sample", "StatementCounter", "UsageSampler", "loads"]

"""Security policy and addresses for plain Docker networks."""

__version__ = "0.1.0"

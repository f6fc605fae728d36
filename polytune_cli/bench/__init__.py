"""Measurements: standard circuits through the real protocol, in this process or as one process a party."""

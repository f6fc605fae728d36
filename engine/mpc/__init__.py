"""The protocol: authenticated garbling for two and more parties against malicious adversaries."""

from engine.mpc.protocol import SimulationResult, run_mpc, simulate

__all__ = ["SimulationResult", "run_mpc", "simulate"]

"""Frames between parties over HTTP: the sending link, the receiving window, the client for control requests.

Nothing here knows a web framework: the server side hands over parsed headers and bodies (``receiver``).
"""

from engine.transport.http.link import HttpLink
from engine.transport.http.receiver import Receiver

__all__ = ["HttpLink", "Receiver"]

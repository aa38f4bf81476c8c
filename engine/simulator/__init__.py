"""A provider with latency, limits and faults, over real HTTP: for the demo, for tests and for benches."""

from ..text import key_tag
from .behaviour import Behaviour
from .log import Arrival, subject
from .server import Simulator, serve

__all__ = ["Arrival", "Behaviour", "Simulator", "key_tag", "serve", "subject"]

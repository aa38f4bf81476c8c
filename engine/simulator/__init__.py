"""A provider with latency, limits and faults, over real HTTP: for the demo, for tests and for benches."""

from .behaviour import Behaviour
from .log import Arrival, key_tag, subject
from .server import Simulator, serve

__all__ = ["Arrival", "Behaviour", "Simulator", "key_tag", "serve", "subject"]

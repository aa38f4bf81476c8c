"""Functions of the user's own: on the event loop, in threads, or in processes of their own."""

from .transport import PythonTransport

__all__ = ["PythonTransport"]

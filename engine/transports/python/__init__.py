"""Functions of the user's own: as coroutines, in threads, or in processes of their own."""

from .transport import PythonTransport

__all__ = ["PythonTransport"]

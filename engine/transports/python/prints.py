"""What a function prints goes to standard error: standard output is for data alone."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

_is_users: ContextVar[bool] = ContextVar("batchtop_prints", default=False)


class _Parting:
    """Standard output as it was, but for what is written in a thread or a task that runs a user's function."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """Write to the one or the other."""
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the stream has)
        return getattr(self._stream, name)

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if _is_users.get() else self._out


@contextmanager
def prints_aside() -> Generator[None]:
    """Have what is printed in this thread or task go to standard error."""
    if not isinstance(sys.stdout, _Parting):
        sys.stdout = cast("TextIO", _Parting(sys.stdout))
    token = _is_users.set(True)
    try:
        yield
    finally:
        _is_users.reset(token)

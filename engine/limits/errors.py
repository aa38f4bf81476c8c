"""Why a lane will not send a request, now or ever."""

from ..errors import AuthError, BatchtopError, StoppedError


class LaneClosed(StoppedError):  # noqa: N818 - it names a state, as asyncio.QueueFull does
    """The lane sends nothing more; its text says why."""


class LaneRefused(LaneClosed):
    """The lane sends nothing more because the server refuses its key or account."""

    exit_code = AuthError.exit_code


class RequestTooLarge(BatchtopError):  # noqa: N818 - it names a state, as asyncio.QueueFull does
    """One request may cost more tokens than the lane has in a minute, so it can never be sent."""

"""Everything the simulated provider refuses, in the shape of OpenAI's errors."""

from typing import Final

import msgspec


class RefusedError(Exception):
    """A request that gets an error for its answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = headers or {}
        self._error = {"message": message, "type": kind, "param": param, "code": code}

    def body(self) -> bytes:
        """Return the JSON text of the answer."""
        return msgspec.json.encode({"error": self._error})


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> RefusedError:
    """Return the answer to a request that can't be understood or served."""
    return RefusedError(400, message, param=param, code=code)


def poisoned() -> RefusedError:
    """Return the answer to a request with something in it that spoils all of it; it doesn't tell which item."""
    return bad_request("The request holds content that can't be processed.")


def bad_key(*, given: bool) -> RefusedError:
    """Return the answer to a missing or unknown API key; it never repeats the key."""
    what = "The API key is not one this server accepts." if given else "No API key: send `Authorization: Bearer KEY`."
    return RefusedError(401, what, code="invalid_api_key")


def unknown_url(method: str, path: str) -> RefusedError:
    """Return the answer to a path that is not served."""
    return RefusedError(404, f"Nothing is served at {method} {path}.", code="unknown_url")


def wrong_method(method: str, path: str) -> RefusedError:
    """Return the answer to a GET of what wants a POST, and the reverse."""
    return RefusedError(405, f"{path} does not answer {method}.", code="method_not_supported")


def unknown_model(model: str) -> RefusedError:
    """Return the answer to a model that is not served."""
    return RefusedError(404, f"The model `{model}` is not served here.", param="model", code="model_not_found")


def over_the_limit(kind: str, limit: str, wait: str, headers: dict[str, str]) -> RefusedError:
    """Return the 429 of a key that sends more than its limit, as in `500 requests per minute`."""
    message = f"Rate limit reached: {limit}. Try again in {wait}."
    return RefusedError(429, message, kind=kind, code="rate_limit_exceeded", headers=headers)


def busy() -> RefusedError:
    """Return the 429 of a server that has enough to do, which says nothing of limits or of when to come back."""
    return RefusedError(429, "Too many requests for the server's capacity.", kind="requests", code="capacity_exceeded")


def too_large(kind: str, per_minute: int, cost: int) -> RefusedError:
    """Return the 429 of a request that no amount of waiting makes fit, so it names no time."""
    message = f"Request too large: {cost} {kind}, and the limit is {per_minute} per minute. Make it smaller."
    return RefusedError(429, message, kind=kind, code="rate_limit_exceeded")


def fault(status: int) -> RefusedError:
    """Return the answer to a request that met a simulated fault of the server."""
    what = "The server is overloaded." if status == 503 else "The server failed while it handled the request."
    return RefusedError(status, f"{what} Try again.", kind="server_error")


NGINX_PAGE: Final = b"""\
<html>\r
<head><title>429 Too Many Requests</title></head>\r
<body>\r
<center><h1>429 Too Many Requests</h1></center>\r
<hr><center>nginx</center>\r
</body>\r
</html>\r
"""
"""What a gateway answers to more requests than it lets through."""

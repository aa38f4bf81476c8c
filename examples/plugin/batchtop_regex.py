"""The task `regex`: all that a pattern matches in a field of a row. It is an example of a plug-in of batchtop."""

import re

import msgspec
from batchtop.engine.plugin import LocalTask, Request, Response, Result, TaskPlugin


class Options(msgspec.Struct):
    """What [task] takes in a job file, besides its type."""

    pattern: str
    field: str = "text"

    def __post_init__(self) -> None:
        """Refuse what is no pattern while the job file is read."""
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error


class Regex(TaskPlugin[Options]):
    """One job's task."""

    takes = Options

    def texts(self) -> tuple[str, ...]:
        """Rows that differ elsewhere have the same answer."""
        return (f"{{{self.options.field}}}",)

    def task(self, api_key: str | None) -> LocalTask:  # noqa: ARG002 (nobody is asked who would want one)
        """A whole batch is one call: a list with this field of each row."""
        return LocalTask("regex:find", (self.options.field,), whole=True)

    def worker(self) -> "Finder":
        """Where the calls go; a task that leaves this out speaks HTTP."""
        return Finder(self.options)


class Finder:
    """Answers calls on this machine."""

    connections = 0

    def __init__(self, options: Options) -> None:
        self._field = options.field
        self._pattern = re.compile(options.pattern)

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 (it does not wait)
        """Give a result for each row, in their order."""
        rows = msgspec.json.decode(request.body, type=list[dict[str, object]])
        return Response(200, {}, msgspec.json.encode([self._result(row[self._field]) for row in rows]))

    async def aclose(self) -> None:
        """Nothing is open."""

    def _result(self, value: object) -> Result:
        if not isinstance(value, str):
            return Result(error=f"{self._field} is no text")
        return Result(output=msgspec.Raw(msgspec.json.encode(self._pattern.findall(value))))

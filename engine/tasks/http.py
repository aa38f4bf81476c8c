"""Any JSON API: a request an item or a batch, by templates, and results by their paths in the answer."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from ..answer import Answer, Usage
from ..item import Item
from ..outcome import REFUSED, Outcome
from ..taskspec import HttpSpec
from ..transports import Request, Response
from .endpoint import Endpoint
from .http_answer import CountError, HttpAnswer
from .json_path import LostError
from .json_template import compile_json
from .task import Call, Plan, Reply
from .template import UnfitError, compile_template, render_each
from .url_template import UrlTemplate

_BILLED: Final = Usage(requests=1)
_NOT_THE_ITEM: Final = REFUSED | {Outcome.RATE_LIMITED}


class HttpTask:
    """The task of type `http`; its output is what stands at `result`, as JSON."""

    def __init__(self, spec: HttpSpec, api_key: str | None) -> None:
        self._endpoint = Endpoint(spec.base_url, "", api_key, spec.key_header)
        self._method, self._has_body = spec.method, spec.has_body
        self._whole = spec.takes == "batch"
        self._url = UrlTemplate(spec.url)
        self._headers = {name: compile_template(text) for name, text in spec.headers.items()}
        self._body = None if spec.body is None else compile_json(spec.body)
        self._item = None if spec.item is None else compile_json(spec.item)
        self._answer = HttpAnswer(spec)

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:  # noqa: ARG002 (`takes` says it)
        """Return a call for each item, or one for all."""
        if not self._whole:
            fit, unfit = render_each(items, self._request)
            return Plan(tuple(Call((item,), request, Usage()) for item, request in fit), unfit)
        given, unfit = render_each(items, self._given)
        if not given:
            return Plan((), unfit)
        values = [value for _, value in given]
        body = values if self._body is None else self._body({"items": values})
        return Plan((Call(tuple(item for item, _ in given), self._sent(body, Item(0, "", {})), Usage()),), unfit)

    def read(self, call: Call, response: Response) -> Reply:
        """Return what the answer says of each item; a 2xx has been billed, whatever is in it."""
        if not 200 <= response.status < 300:
            return self._refused(call, response)
        if self._answer.may_be_empty and not response.body.strip():
            return Reply(Outcome.OK, (Answer(Outcome.OK, b"null"),) * len(call.items), _BILLED)
        try:
            answers = self._answer.read(_decode(response.body), call.items)
        except LostError as error:
            return self._lost(call, response, str(error))
        except CountError as error:
            return self._endpoint.failed(call, Outcome.SHORT_REPLY, str(error), _BILLED)
        except (ValueError, RecursionError):
            return self._unreadable(call, response)
        return _reply(tuple(map(self._hidden, answers)))

    # ── requests ──

    def _request(self, item: Item) -> Request:
        if not self._has_body:
            return self._sent(None, item)
        return self._sent(item.fields if self._body is None else self._body(item.fields), item)

    def _given(self, item: Item) -> object:
        self._answer.id_of(item)  # without one its result could not be found
        return item.fields if self._item is None else self._item(item.fields)

    def _sent(self, body: object, item: Item) -> Request:
        ours = {**self._endpoint.headers, "Accept": "application/json"}
        if not self._has_body:
            del ours["Content-Type"]
        theirs = {name: _fit(name, text.render(item.fields)) for name, text in self._headers.items()}
        named = {name.lower() for name in theirs}
        headers = {name: text for name, text in ours.items() if name.lower() not in named} | theirs
        content = msgspec.json.encode(body) if self._has_body else b""
        return Request(self._url.write(item.fields), content, headers, self._method)

    # ── answers ──

    def _refused(self, call: Call, response: Response) -> Reply:
        reply = self._endpoint.refused(call, response)
        # Of a URL that is each item's own, a 404 says that there is nothing to the item; else that the URL is wrong.
        gone = response.status == 404 and self._url.fields and reply.outcome is Outcome.AUTH
        message = reply.message.replace("no such model or URL", "nothing there") if gone else reply.message
        message = message.replace("base_url", "task.url")  # what people are told to look at has another name here
        return self._endpoint.failed(call, Outcome.BAD_ITEM if gone else reply.outcome, message)

    def _lost(self, call: Call, response: Response, why: str) -> Reply:
        """Return what a 2xx means that is not as it should be; where it tells of an error, that one is told too."""
        said = self._endpoint.refused(call, response)
        is_error = said.outcome is not Outcome.SHORT_REPLY
        message = f"{why} ({said.message})" if is_error else why
        if said.outcome in _NOT_THE_ITEM:
            return self._endpoint.failed(call, said.outcome, message)
        return self._endpoint.failed(call, Outcome.BAD_ITEM, message, _BILLED)

    def _unreadable(self, call: Call, response: Response) -> Reply:
        """Return what a 2xx without JSON means: one that is not meant to be JSON will be none the next time either."""
        reply = self._endpoint.refused(call, response)
        kind = response.headers.get("content-type", "json").partition(";")[0].strip().lower()
        if response.status != 204 and "json" in kind:
            return replace(reply, usage=_BILLED)
        return self._endpoint.failed(call, Outcome.BAD_ITEM, f"JSON is wanted: {reply.message}", _BILLED)

    def _hidden(self, answer: Answer) -> Answer:
        return replace(answer, message=self._endpoint.hidden(answer.message)) if answer.message else answer


_decode = msgspec.json.Decoder().decode


def _fit(name: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise UnfitError(f"header {name}: holds characters that no HTTP header can carry")
    return text


def _reply(answers: tuple[Answer, ...]) -> Reply:
    """Return what a call came to: one whose items all fail alike has failed, and may be what is wrong itself."""
    first = answers[0]
    if first.outcome is not Outcome.OK and all(answer == first for answer in answers):
        return Reply(first.outcome, answers, _BILLED, first.message)
    return Reply(Outcome.OK, answers, _BILLED)

"""Text from outside made fit to show: no control codes, no secrets, no flood."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

_ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_SPACE = re.compile(r"\s+")
# Control characters, lone surrogates, format characters (Unicode's category Cf: marks that turn the direction, joiners,
# tags), and what else has no width: any of them may break up a key past notice. Joined emoji come apart.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff"
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|gsk|hf|xai|r8|nvapi|pplx|csk|fw|tgp|sess)[-_](?=\S*[0-9*])[\w*.-]{8,}|(?<!\w)AIza[\w-]{20,}"
)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=*-]{6,}", re.IGNORECASE)
_SURE_KEY = re.compile(
    r"authorization: *[a-z]+ +[\w.~+/=-]{6,}"
    r"|(?<![a-z0-9])(?:sk|gsk|hf|xai|nvapi|pplx)[-_](?=[\w-]*\d)[\w-]{20,}(?![\w./-])",
    re.IGNORECASE,
)

HIDDEN: Final = "***"


def clean(text: str, limit: int = 500) -> str:
    """Return `text` as one line without escapes and unseen characters, at most `limit` characters long."""
    return _capped(_plain(text[: limit * 20]), limit)


def safe(text: str, secrets: Iterable[str] = (), limit: int = 500) -> str:
    """Return `text` cleaned and without secrets, so that neither an escape nor the cap can split one past notice."""
    return _capped(redact(_plain(text[: limit * 20]), secrets), limit)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` with the secrets given, and whatever is shaped like a key, replaced by `***`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return _KEY.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", text))


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without escapes and unseen characters, with spaces for tabs."""
    return [each if each.isprintable() and each.isascii() else _seen(each) for each in text.expandtabs(4).splitlines()]


def _seen(text: str) -> str:
    return _UNSEEN.sub("", _ESCAPES.sub("", text))


def _plain(text: str) -> str:
    return _UNSEEN.sub("", _SPACE.sub(" ", _ESCAPES.sub("", text))).strip()


def _capped(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def plural(number: int, noun: str) -> str:
    """Return `1 item` or `2,345 items`, of a noun that takes an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def with_reason(state: str, reason: str) -> str:
    """Return a state and why it is so, without a word said twice: `paused by you`, `stopped: no key is left`."""
    if reason.split(" ", 1)[0] == state:
        return reason
    return f"{state}: {reason}" if reason else state


def key_tag(key: str) -> str:
    """Return eight characters that tell API keys apart and can't be turned back into one; nothing for no key."""
    return blake2b(key.encode(errors="replace"), digest_size=4, person=b"batchtop").hexdigest() if key else ""


def looks_like_key(text: str) -> bool:
    """Return whether `text` has the shape of an API key."""
    return _KEY.match(text) is not None


def holds_key(text: str) -> bool:
    """Return whether an API key surely stands in `text`: what may as well be a file or a model is taken for none."""
    return _SURE_KEY.search(text) is not None

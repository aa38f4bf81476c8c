"""What `batchtop demo` can show: a job with its provider for each kind of trouble."""

from dataclasses import dataclass
from typing import Final

CHAT: Final = """\
type = "chat"
model = "gpt-4o-mini"
base_url = "{base_url}"
prompt = "Say in one line what {{id}} is for:\\n\\n{{text}}"
max_tokens = 60
price_in = 0.15    # example prices, USD per million tokens: the demo costs nothing
price_out = 0.60
"""
EMBEDDINGS: Final = """\
type = "embeddings"
model = "text-embedding-3-small"
base_url = "{base_url}"
text = "{{text}}"
"""
CALM: Final = ("--latency-ms=320", "--latency-sigma=0.35")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A job, the provider that troubles it, and what there is to see."""

    name: str
    summary: str
    """What to watch, in one line."""
    provider: tuple[str, ...]
    """Options of `batchtop simulate`."""
    backup: tuple[str, ...] = ()
    """Options of a second provider; empty for none."""
    task: str = CHAT
    """The table [task], with `{base_url}` and `{backup_url}` for the providers' addresses."""
    settings: str = "batch_size = 1\nconcurrency = 8\n"
    limits: str = ""
    keys: tuple[str, ...] = ()
    """The API keys the job has; the provider hears them as they stand here."""
    items: int | None = None
    """How many texts; None for all there are."""
    odd_text: str = ""
    """A text that takes the place of the one in the middle; empty for none."""

    def job(self, base_url: str, backup_url: str) -> str:
        """Return the job file."""
        task = self.task.format(base_url=base_url, backup_url=backup_url)
        named = ", ".join(f'"{name}"' for name in self.environment())
        return _JOB.format(
            summary=self.summary,
            name=self.name,
            task=f"api_key_env = [{named}]\n{task}" if named else task,
            settings=self.settings,
            limits=f"\n[limits]\n{self.limits}" if self.limits else "",
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that hold the keys."""
        return {f"DEMO_KEY_{number}": key for number, key in enumerate(self.keys, 1)}


_JOB: Final = """\
# {summary}
name = "{name}"

[input]
path = "docstrings.jsonl"
id = "id"

[task]
{task}
[settings]
{settings}{limits}
[output]
path = "answers.jsonl"
"""

DEFAULT: Final = Scenario(
    name="docstrings",
    summary="Every docstring of the installed Python standard library, put to the built-in provider.",
    provider=(*CALM, "--error-rate=0.01", "--rpm=9600", "--tpm=3000000"),
    settings='preset = "balanced"\nconcurrency = 8\n',
)

_TROUBLES: Final = (
    Scenario(
        name="limits",
        summary="a tight limit that the server states: used to the brim, and hardly a 429",
        provider=(*CALM, "--rpm=1200", "--tpm=250000"),
        settings="batch_size = 1\nconcurrency = 20\n",
        items=900,
    ),
    Scenario(
        name="quiet",
        summary="a limit that no header tells: found out by its 429s, without a burst of them",
        provider=(*CALM, "--quiet", "--rpm=1200"),
        settings="batch_size = 1\nconcurrency = 20\n",
        items=700,
    ),
    Scenario(
        name="faults",
        summary="four requests in ten go wrong (500, 503, dropped, torn, 429): every item is answered all the same",
        provider=(*CALM, "--error-rate=0.14", "--drop-rate=0.12", "--malformed-rate=0.12", "--limited-rate=0.02"),
        settings="batch_size = 1\nconcurrency = 8\nmax_attempts = 20\n",
        items=250,
    ),
    Scenario(
        name="outage",
        summary="the server is down for 15 s: the breaker opens, one request at a time tries, then all goes on",
        provider=(*CALM, "--outage=10:15"),
        items=900,
    ),
    Scenario(
        name="revoked",
        summary="one of two keys is refused: it is given up after a few calls, and the other does the job",
        provider=(*CALM, "--revoked=demo-key-1"),
        keys=("demo-key-1", "demo-key-2"),
        items=500,
    ),
    Scenario(
        name="no-key",
        summary="the only key is refused: the job stops after a few calls, and no item has failed (exit code 4)",
        provider=(*CALM, "--revoked=demo-key-1"),
        keys=("demo-key-1",),
        items=500,
    ),
    Scenario(
        name="poison",
        summary="one input spoils its batch of 256 embeddings: halves find it, and it fails alone (exit code 1)",
        provider=("--latency-ms=150", "--item-ms=3", "--poison=arsenic and old lace"),
        task=EMBEDDINGS,
        settings="batch_size = 256\nconcurrency = 2\n",
        odd_text="Mix arsenic and old lace.",
        items=6000,
    ),
    Scenario(
        name="fallback",
        summary="the first provider goes down and a second takes over, until the first is back",
        provider=(*CALM, "--outage=10:15"),
        backup=("--latency-ms=900", "--latency-sigma=0.35"),
        task=f'{CHAT}\n[[task.fallback]]\nmodel = "gpt-4o-mini"\nbase_url = "{{backup_url}}"\n',
        items=900,
    ),
    Scenario(
        name="packed",
        summary="ten items share a prompt: a tenth of the requests, and what comes back spoilt is redone alone",
        provider=("--latency-ms=800", "--latency-sigma=0.35", "--item-ms=20", "--short-rate=0.1", "--rpm=120"),
        settings="batch_size = 10\nconcurrency = 8\nitems_per_request = 10\n",
        items=600,
    ),
    Scenario(
        name="budget",
        summary="the cost limit is reached half-way: the job stops there, and can go on (exit code 3)",
        provider=CALM,
        limits="cost = 0.01\n",
        items=1000,
    ),
)

SCENARIOS: Final = {each.name: each for each in _TROUBLES}
"""Each trouble by its name."""

"""bespokelabs-curator's LLM over a list of prompts. `curator_llm.py URL ROWS IN_FLIGHT OUT`; needs it."""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "false", "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none"}

import tiktoken


class _Letters:
    """Counts tokens by letters where the vocabulary can't be had offline: quicker, so it is in curator's favour."""

    def encode(self, text: str, **_: object) -> range:
        return range(len(text) // 4)


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _name: _Letters()  # pyright: ignore[reportPrivateImportUsage]

from bespokelabs import curator  # noqa: E402  # pyright: ignore[reportMissingImports]

URL, ROWS, IN_FLIGHT, OUT = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])

model = curator.LLM(
    model_name="gpt-4o-mini",
    backend="openai",
    backend_params={
        "base_url": URL,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "max_concurrent_requests": IN_FLIGHT,
    },
)
with tempfile.TemporaryDirectory() as folder:
    found = model([json.loads(line)["text"] for line in ROWS.open()], working_dir=folder)
    rows = found.dataset if hasattr(found, "dataset") else found
    OUT.write_text("".join(json.dumps(row) + "\n" for row in rows))

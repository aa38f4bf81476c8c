"""A task that goes to a provider's batch API: the keys of a chat or of embeddings, and a few of its own."""

from pathlib import Path
from typing import Any, Final

import msgspec

from ..settings import did_you_mean
from ..taskspec import ChatSpec, EmbeddingsSpec, OpenAIBatchSpec, ProviderSpec
from ..toml_file import Table, TomlFile
from .provider import read_provider_task

_ASKED: Final[dict[str, type[ProviderSpec]]] = {"chat": ChatSpec, "embeddings": EmbeddingsSpec}
_KNOWN: Final = {name for kind in _ASKED.values() for name in kind.__struct_fields__}


def read_openai_batch_task(file: TomlFile, table: Table, folder: Path) -> OpenAIBatchSpec:
    """Return the task that a job file describes; raises the file's error."""
    of = file.text("of", table, of="task.") or "chat"
    if of not in _ASKED:
        file.fail("task.of", f"{of!r} is not understood{did_you_mean(of, _ASKED)}")
    kind = _ASKED[of]
    for name in table:
        if name in _KNOWN and name not in kind.__struct_fields__:
            file.fail(f"task.{name}", f'is not for of = "{of}"')
    file.check_keys(table, ("type", *OpenAIBatchSpec.__struct_fields__), of="task.")
    given = {name: value for name, value in table.items() if name in kind.__struct_fields__}
    asked = read_provider_task(file, {**given, "type": of}, kind, folder)
    found: dict[str, Any] = msgspec.structs.asdict(asked)
    names = ("base_url", "api_key_env", "schema")
    return file.build({**table, **{name: found[name] for name in names if name in found}}, OpenAIBatchSpec, of="task.")

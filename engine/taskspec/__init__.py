"""What is asked of whom: each type of task as the job file has it. Frozen, strict, and without any secret."""

from .elsewhere import Check, Fallback, Flaw, Rule, Scalar
from .http import HttpSpec
from .local import CommandSpec, Mode, PythonSpec, Takes, TransformersSpec
from .places import Place, TaskSpec, asked_one_by_one, places, server_of, tiers
from .plugged import PluginSpec
from .provider import OPENAI_KEY_ENV, OPENAI_URL, ChatSpec, EmbeddingsSpec, OpenAIBatchSpec, ProviderSpec, default_keys
from .values import Filled, Positive

__all__ = [
    "OPENAI_KEY_ENV",
    "OPENAI_URL",
    "ChatSpec",
    "Check",
    "CommandSpec",
    "EmbeddingsSpec",
    "Fallback",
    "Filled",
    "Flaw",
    "HttpSpec",
    "Mode",
    "OpenAIBatchSpec",
    "Place",
    "PluginSpec",
    "Positive",
    "ProviderSpec",
    "PythonSpec",
    "Rule",
    "Scalar",
    "Takes",
    "TaskSpec",
    "TransformersSpec",
    "asked_one_by_one",
    "default_keys",
    "places",
    "server_of",
    "tiers",
]

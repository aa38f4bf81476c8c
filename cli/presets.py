"""`batchtop presets`: what presets there are, what one sets, and where each value of a job would come from."""

import os
from argparse import Namespace
from collections.abc import Mapping

from rich.text import Text

from ..engine.errors import UsageError
from ..engine.job import assemble
from ..engine.jobfile import load_job
from ..engine.presets import Preset, load_presets, profile, user_folder
from ..engine.settings import DIALS, Layer, parse_assignments, resolve, show
from .table import new_table, show_table


def presets(options: Namespace) -> int:
    """List the presets, or show one."""
    known = load_presets()
    if options.action is None and options.job is None:
        _list(known)
        return 0
    if options.name is None and options.job is None:
        raise UsageError("presets show: name a preset; `batchtop presets` lists them")
    _show(_layers(options, known))
    return 0


def _list(known: Mapping[str, Preset]) -> None:
    table = new_table("PRESET", "BATCH", "DELAY", "CONCURRENCY", "WHAT IT IS FOR")
    for preset in known.values():
        for stage, values in preset.profiles.items():
            name = preset.name if stage == preset.default else f"{preset.name}/{stage}"
            cells = (show(key, values[key]) for key in ("batch_size", "delay", "concurrency"))
            table.add_row(*map(Text, (name, *cells, preset.description if stage == preset.default else "")))
        if preset.problem:
            table.add_row(Text(preset.name), "", "", "", Text(preset.problem))
    show_table(table)
    print(f"your own: {user_folder()}/NAME.toml")


def _layers(options: Namespace, known: Mapping[str, Preset]) -> tuple[Layer, ...]:
    if options.job:
        return assemble(
            load_job(options.job), presets=known, preset=options.name, environment=os.environ, assignments=options.set
        )
    label, values = profile(known, options.name)
    return Layer(f"preset {label}", values), Layer("--set", parse_assignments(options.set))


def _show(layers: tuple[Layer, ...]) -> None:
    resolved = resolve(layers)
    table = new_table("SETTING", "VALUE", "COMES FROM", "WHAT IT IS")
    for key, dial in DIALS.items():
        table.add_row(key, show(key, getattr(resolved.settings, key)), Text(resolved.origins[key]), dial.doc)
    show_table(table)
    print("later wins: default < preset < job file < BATCHTOP_<KEY> < --set < live change")

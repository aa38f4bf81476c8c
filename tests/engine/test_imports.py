"""The engine knows no user interface, and a part of it costs only itself."""

import json
import subprocess
import sys
from pathlib import Path

import batchtop.engine

EVERYTHING = """
import importlib, json, pkgutil, sys
import batchtop.engine as engine
light = sorted(sys.modules)
names = [each.name for each in pkgutil.walk_packages(engine.__path__, "batchtop.engine.")]
for name in names:
    # What needs the provider's own client, which is slow, is loaded by nothing but a job that goes to its batch API.
    if name not in {"batchtop.engine.transports.batches", "batchtop.engine.transports.following"}:
        importlib.import_module(name)
print(json.dumps({"names": names, "light": light, "all": sorted(sys.modules)}))
"""


def test_no_module_of_the_engine_loads_a_user_interface():
    done = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    folder = Path(batchtop.engine.__path__[0])
    assert len(told["names"]) >= len(list(folder.rglob("*.py"))) - 1
    for module in told["all"]:
        assert module.split(".")[0] not in {"textual", "rich", "plotext", "openai"}
        assert not module.startswith(("batchtop.tui", "batchtop.cli"))
    assert "aiohttp" not in told["light"], "importing the package itself costs nothing"


def test_public_names_are_there_when_they_are_used():
    for name in batchtop.engine.__all__:
        assert getattr(batchtop.engine, name).__name__ == name
    assert not hasattr(batchtop.engine, "Nonsense")

"""What is installed is what is in the tree: every package, and every file beside the code."""

import tomllib
from fnmatch import fnmatch
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS = SETUPTOOLS["package-dir"]
PACKAGES = SETUPTOOLS["packages"]
PATTERNS = SETUPTOOLS["package-data"]["*"]


def folder_of(package: str) -> Path:
    top, _, below = package.removeprefix("batchtop.").partition(".")
    return ROOT / FOLDERS[f"batchtop.{top}"] / below.replace(".", "/")


def data_files(package: str) -> list[Path]:
    return [path for path in folder_of(package).iterdir() if path.is_file() and path.suffix not in {".py", ".pyc"}]


def test_every_folder_with_an_init_is_a_package():
    inits = [path for folder in FOLDERS.values() for path in (ROOT / folder).rglob("__init__.py")]
    found = {".".join(("batchtop", *path.parent.relative_to(ROOT).parts)) for path in inits}
    assert sorted(found) == PACKAGES


def test_every_folder_with_code_has_an_init():
    code = {path.parent for folder in FOLDERS.values() for path in (ROOT / folder).rglob("*.py")}
    assert [str(folder) for folder in code if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_files_beside_the_code_are_shipped_and_found(package):
    for path in data_files(package):
        assert any(fnmatch(path.name, pattern) for pattern in PATTERNS), f"{path} matches no pattern of package-data"
        assert files(package).joinpath(path.name).read_bytes() == path.read_bytes()


def test_there_are_files_beside_the_code():
    suffixes = {path.suffix or path.name for package in PACKAGES for path in data_files(package)}
    assert suffixes == {".toml", ".tcss", ".typed"}


@pytest.mark.parametrize("top", [package for package in PACKAGES if package.count(".") == 1])
def test_every_import_name_with_code_is_typed(top):
    assert top == "batchtop.presets" or files(top).joinpath("py.typed").is_file()


def test_the_command_starts_the_program():
    (command,) = entry_points(group="console_scripts", name="batchtop")
    assert command.value == PROJECT["project"]["scripts"]["batchtop"]
    assert callable(command.load())


def test_the_version_is_said_in_one_place():
    assert version("batchtop") == PROJECT["project"]["version"]

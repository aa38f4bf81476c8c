"""The job file: TOML on disk becomes a JobSpec, or one line that says which key is wrong and what it takes."""

from pathlib import Path
from typing import Final

import msgspec

from ..errors import JobFileError, PresetError, SettingError
from ..job import NAME, STDIN, InputSpec, JobSpec, OutputSpec, assemble
from ..output.appended import part_of
from ..preparespec import dropped_paths
from ..presets import load_presets
from ..settings import DIALS, Layer, Value
from ..source.files import ENDINGS
from ..toml_file import TomlFile
from .input import check_apart, in_folder
from .prepare import check_steps, read_steps
from .task import read_task

_STREAMED: Final = ("jsonl", "csv", "tsv", "lines")
_ROWS: Final = (
    "is a file of rows, not a job file: write a job file (TOML) whose [input] has it as its path,"
    " or open `batchtop` and press n, and one is written for it"
)
_TABLES: Final = ("name", "input", "prepare", "task", "settings", "limits", "output")


def load_job(path: Path, text: str | None = None) -> JobSpec:
    """Return the job that a TOML file describes, or would with this text; raises JobFileError."""
    file = _read(path, text)
    _check_top(file)
    settings = file.table("settings")
    job = JobSpec(
        name=_name(file, path.stem),
        input=_input(file, path),
        task=read_task(file, _folder(path)),
        output=_output(file, path),
        prepare=read_steps(file, _folder(path)),
        preset=file.text("preset", settings, of="settings."),
        layers=(Layer("job file", {**_dials(file, "settings"), **_dials(file, "limits")}),),
    )
    _check_files(file, job)
    check_steps(file, job.prepare, job.input)
    return msgspec.structs.replace(job, layers=_layers(file, job))


def _read(path: Path, text: str | None) -> TomlFile:
    """Return a job file; one of rows, given by mistake for it, is told as that."""
    try:
        return TomlFile(path, JobFileError, text)
    except JobFileError:
        if text is None and path.is_file() and path.name.endswith(ENDINGS):
            raise JobFileError(f"{path}: {_ROWS}") from None
        raise


def _layers(file: TomlFile, job: JobSpec) -> tuple[Layer, ...]:
    """Return the values of the job's preset, with the job file's own over them."""
    try:
        return assemble(job, presets=load_presets())
    except PresetError as error:
        file.fail("settings.preset", str(error))
    except SettingError as error:
        file.fail("limits.cost", str(error).removeprefix("job file: "))


def _check_top(file: TomlFile) -> None:
    for key in file.root:
        if key in DIALS:
            file.fail(key, f"belongs in [{DIALS[key].table}]")
    file.check_keys(file.root, _TABLES)
    for needed in ("input", "task"):
        if needed not in file.root:
            file.fail(needed, f"is missing: a job has a table [{needed}]")


def _name(file: TomlFile, stem: str) -> str:
    name = file.text("name", file.root)
    if not NAME.fullmatch(stem if name is None else name):
        told = "the file's own name can't be the job's: set a name of" if name is None else f"{name!r} is not made of"
        file.fail("name", f"{told} letters, digits, '.', '_' and '-', a letter or digit first, 100 at most")
    return stem if name is None else name


def _input(file: TomlFile, path: Path) -> InputSpec:
    found = file.build(file.table("input"), InputSpec, of="input.")
    if found.job or not found.path:
        _check_pipeline(file, found, _name(file, path.stem))
    elif "output" in file.table("input"):
        file.fail("input.output", "says how the answers of a job are read: it goes with input.job alone")
    if found.path == STDIN and found.format not in {None, *_STREAMED}:
        file.fail("input.format", f"standard input can be {', '.join(_STREAMED)}; {found.format} is for files")
    return in_folder(file, found, _folder(path), _name(file, path.stem))


def _check_pipeline(file: TomlFile, found: InputSpec, name: str) -> None:
    """Raise for what an input can't be that is no file."""
    if found.job is None:
        file.fail("input.path", "is missing: a file, `-` for standard input, or input.job for the answers of a job")
    if found.job == name:
        file.fail("input.job", f"{name} is this job itself")
    for key in ("path", "id", "format", "query", "bad_rows", "rejects"):
        if key in file.table("input"):
            file.fail(f"input.{key}", f"is for files: items are those of {found.job}, with their ids")


def _output(file: TomlFile, path: Path) -> OutputSpec:
    found = file.build(file.table("output"), OutputSpec, of="output.")
    if found.order == "input" and not found.path:
        file.fail("output.order", "orders the lines of a file: set output.path too, or leave it out and use `export`")
    return msgspec.structs.replace(
        found,
        path=_beside(path, found.path) if found.path and found.path != "-" else found.path,
        failures=_beside(path, found.failures) if found.failures else None,
    )


def _folder(job_file: Path) -> Path:
    """Return the folder of a job file, without the `..` of a path that leads there by a detour."""
    folder = job_file.absolute().parent
    return folder.resolve() if ".." in folder.parts else folder


def _beside(job_file: Path, name: str) -> str:
    """Return a path written in the job file, which is relative to the file's folder."""
    return str(_folder(job_file) / name)


def _check_files(file: TomlFile, job: JobSpec) -> None:
    """Raise when one file would be written over another."""
    taken = {} if job.input.live else {Path(job.input.path).resolve(): "input.path"}
    if job.output.order == "input" and job.output.path:
        taken.setdefault(Path(part_of(job.output.path)).resolve(), "the one output.path is first written to")
    output, rejects = job.output, {"input.rejects": job.input.rejects}
    named = {**rejects, "output.path": output.path, "output.failures": output.failures, **dropped_paths(job.prepare)}
    for key, name in ((key, name) for key, name in named.items() if name and name != STDIN):
        check_apart(file, job.input, key, name)
        if taken.setdefault(Path(name).resolve(), key) != key:
            file.fail(key, f"is the same file as {taken[Path(name).resolve()]}")


def _dials(file: TomlFile, name: str) -> dict[str, Value]:
    """Return the values of [settings] or [limits]."""
    table = {key: raw for key, raw in file.table(name).items() if (name, key) != ("settings", "preset")}
    for key in table:
        if key in DIALS and DIALS[key].table != name:
            file.fail(f"{name}.{key}", f"belongs in [{DIALS[key].table}]")
    known = [key for key, dial in DIALS.items() if dial.table == name]
    file.check_keys(table, ["preset", *known] if name == "settings" else known, of=f"{name}.")
    return {key: file.dial(key, raw, of=f"{name}.") for key, raw in table.items()}

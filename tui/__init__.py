"""The dashboard: shows jobs and turns their dials. It reads the workspace and never runs a job itself."""

from typing import TYPE_CHECKING

from .habits import USUAL, Habits

if TYPE_CHECKING:
    from .exit import Exit
    from .newjob.workbench import Workbench
    from .reads.source import Source


def open_dashboard(
    source: "Source", *, job: str | None = None, habits: Habits = USUAL, workbench: "Workbench | None" = None
) -> "Exit":
    """Show the dashboard until the person leaves it, and return what they chose.

    It opens on `job`, or else on the list of all jobs; with a workbench, it makes new ones.
    Textual is imported here and no sooner.
    Raises what broke it, once the terminal is as it was; nobody knows then what the person wanted.
    """
    from .app import Dashboard  # noqa: PLC0415
    from .show import show  # noqa: PLC0415

    return show(
        Dashboard(
            source,
            job=job,
            workbench=workbench,
            habits=habits,
        )
    )

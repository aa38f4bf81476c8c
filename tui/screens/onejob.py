"""What lists about one job have in common that read its totals first."""

from collections.abc import Sequence

from textual.message import Message

from ...engine.snapshot import ACTIVE, JobRow
from ..messages import JobsRead, ReadFailed
from ..widgets.header import state_span
from ..words.line import BLANK, Span
from .item import ItemScreen
from .listing import ListScreen


class OneJobScreen(ListScreen, inherit_bindings=False):
    """A list about one job. What else is to be read is told by `job_read` and `job_gone`."""

    row: JobRow | None = None
    alive: bool = False
    """Whether an engine lives that may have the job in hand."""
    troubled: bool = False
    """Whether the last read found no job, or nothing."""

    def read(self) -> Message:
        """Return the jobs as they stand; called on the source's thread."""
        return JobsRead(self.board.source.jobs(), self.board.now())

    def on_jobs_read(self, message: JobsRead) -> None:
        """Show how the job stands; what was said of a read that went wrong is over."""
        if self.troubled:
            self.note = BLANK
        self.row = next((row for row in message.jobs.rows if row.name == self.job), None)
        self.alive = message.jobs.engine is not None
        self.troubled = self.row is None
        if self.row is None:
            self.no_such_job()
            self.job_gone()
        else:
            self.job_read(self.row, message.at)
        self.draw()

    def on_read_failed(self, message: ReadFailed) -> None:  # noqa: ARG002 - the list says it
        """Note that what is said of it is over with the next read."""
        self.troubled = True

    def job_read(self, row: JobRow, at: float) -> None:
        """Read what belongs to the job as it stands now."""
        raise NotImplementedError

    def job_gone(self) -> None:
        """Let go of what belonged to the job."""
        raise NotImplementedError

    @property
    def live(self) -> bool:
        """Whether an engine has the job in hand."""
        return self.row is not None and self.row.state in ACTIVE and self.alive

    def standing(self) -> tuple[Span, ...]:
        """Return the job's state, or that no engine has it though one should."""
        if self.row is None:
            return ()
        dead = self.row.state in ACTIVE and not self.alive
        return (("✕ no engine", "error") if dead else state_span(self.row.state),)

    def open_item(self, keys: Sequence[str]) -> None:
        """Open the marked one of these items; the one that is looked at last is marked afterwards."""
        self.board.ask(ItemScreen(self.job, keys, self.list.index, self.board), self._returned)

    def _returned(self, index: int | None) -> None:
        self.list.index = self.list.index if index is None else index
        self.draw()

"""Every error batchtop raises on purpose, each with the exit code the command line gives it."""


class BatchtopError(Exception):
    """Something a person has to know about; its text says what happened, where, and what to do."""

    exit_code = 2


class UsageError(BatchtopError):
    """A wrong command, option or value."""


class JobFileError(UsageError):
    """A job file that can't be read or understood."""


class SettingError(UsageError):
    """A setting that does not exist, or a value it can't take."""


class PresetError(UsageError):
    """A preset that does not exist or is malformed."""


class InputError(UsageError):
    """An input file that is missing, empty or malformed."""


class TaskError(UsageError):
    """A task whose work can't be done on this machine: no such module, function or program."""


class OutputError(UsageError):
    """An output file that can't be written without losing something."""


class OutputLostError(OutputError):
    """An output file that can't be written for want of room: a full disk, a quota."""

    exit_code = 3


class WorkspaceError(UsageError):
    """A workspace file that can't be opened, or that another engine owns."""


class WorkspaceLostError(WorkspaceError):
    """A workspace that can't be written any more: a full disk, a lock held for too long."""

    exit_code = 3


class StoppedError(BatchtopError):
    """A job stopped by a breaker, a gate or a budget."""

    exit_code = 3


class AuthError(BatchtopError):
    """No usable key, or the server refused it."""

    exit_code = 4


class BrokenError(BatchtopError):
    """A mistake of the program itself; its text says where the traceback is."""

    exit_code = 70
    """What sysexits.h calls EX_SOFTWARE; no job file, server or signal leads to it."""

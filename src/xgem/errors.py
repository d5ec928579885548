"""Every error a user can cause, in one tree.

    XGeMError
    ├── TaskError         the task asks for what cannot be done ("F->F", an unknown letter)
    ├── InputError        a file or text cannot be used as the modality it was given for
    ├── CheckpointError   a model folder is incomplete, changed or not ours
    ├── StoreError        a store is incomplete, changed or prepared for another model
    ├── ConfigError       a recipe or setting has a value outside its range
    ├── OutputError       results cannot be written (a full disk, a folder in the way)
    └── DivergenceError   training met a loss that is not finite

Each message is one line that says what was found, what was expected and what to do next. The
command line prints it on stderr and exits with 2; any other exception is a bug of ours.
"""


class XGeMError(Exception):
    """What a user can cause and correct."""


class TaskError(XGeMError):
    """The task asks for what cannot be done."""


class InputError(XGeMError):
    """A file or text cannot be used as the modality it was given for."""


class CheckpointError(XGeMError):
    """A model folder is incomplete, changed or not ours."""


class StoreError(XGeMError):
    """A store is incomplete, changed or prepared for another model."""


class ConfigError(XGeMError):
    """A recipe or setting has a value outside its range."""


class OutputError(XGeMError):
    """Results cannot be written."""


class DivergenceError(XGeMError):
    """Training met a loss that is not finite."""

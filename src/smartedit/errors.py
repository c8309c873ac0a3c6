"""The exceptions that SmartEdit raises on purpose.

    SmartEditError            anything a person can mend; the CLI prints it as one line and exits with 2
    ├── PictureError          a picture that cannot be read, is too large, or cannot be written
    ├── InstructionError      words that cannot be carried out: empty, too long, nothing known in them
    ├── SceneError            a scene or edit of the rendered world that makes no sense; says why
    ├── ModelError            weights that are missing, unknown, incomplete or of the wrong kind
    ├── TrainingError         a run that cannot start or go on: data missing, collapse, NaN
    └── MissingExtra          an optional dependency is not installed; the message is the install line

Every message says what is wrong and what to do next, in one line, without a trailing full stop.
"""


class SmartEditError(Exception):
    """Base of every error that a person can mend."""


class PictureError(SmartEditError):
    """A picture that cannot be read, is too large, or cannot be written."""


class InstructionError(SmartEditError):
    """Words that cannot be carried out."""


class SceneError(SmartEditError):
    """A scene or an edit of the rendered world that makes no sense."""


class ModelError(SmartEditError):
    """Weights that are missing, unknown, incomplete or of the wrong kind."""


class TrainingError(SmartEditError):
    """A training run that cannot start or go on."""


class MissingExtra(SmartEditError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'smartedit[{extra}]'")

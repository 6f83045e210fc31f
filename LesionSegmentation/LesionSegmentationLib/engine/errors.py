"""What the engine raises on purpose."""


class InputError(ValueError):
    """The input cannot be used. The message is one sentence for the user: what is wrong, which file, the mend."""


class Cancelled(Exception):  # noqa: N818 - it is no error
    """The work was stopped because somebody asked for it."""

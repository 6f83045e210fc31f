"""Image libraries without their chatter."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import SimpleITK

_lock = threading.Lock()
_inside = 0
_restore = ExitStack()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ITK and the C libraries under it write to the standard error stream from the user.

    What is wrong with a file is said by our own checks, in one sentence. Several threads may be inside at once: the
    first one in silences the stream, the last one out restores it.
    """
    global _inside, _restore
    with _lock:
        _inside += 1
        if _inside == 1:
            _restore = _silence()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _restore.close()


def _silence() -> ExitStack:
    """Silence ITK and the stream; closing the answer restores both."""
    undo = ExitStack()
    undo.callback(SimpleITK.ProcessObject.SetGlobalWarningDisplay, SimpleITK.ProcessObject.GetGlobalWarningDisplay())
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    # Some of the libraries (MetaIO, GDCM, nifti_clib) know nothing of ITK's switch and write to the stream itself.
    try:
        stream = os.dup(2)
    except OSError:
        return undo  # a program without a standard error stream, as on Windows without a console
    undo.callback(os.close, stream)
    undo.callback(os.dup2, stream, 2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return undo

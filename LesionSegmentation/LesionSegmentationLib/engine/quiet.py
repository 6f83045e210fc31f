"""Image libraries without their chatter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ITK and the C libraries under it write to the standard error stream from the user.

    What is wrong with a file is said by our own checks, in one sentence.
    """
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    # Some of the libraries (MetaIO, GDCM, nifti_clib) know nothing of ITK's switch and write to the stream itself.
    try:
        stream = os.dup(2)
    except OSError:
        stream = None  # a program without a standard error stream, as on Windows without a console
    if stream is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    try:
        yield
    finally:
        if stream is not None:
            os.dup2(stream, 2)
            os.close(stream)
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(shown)

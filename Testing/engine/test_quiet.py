"""Silence while a library works, and the stream as it was afterwards."""

import os
import threading

import pytest
import SimpleITK

from LesionSegmentationLib.engine.quiet import quiet


def test_the_stream_is_silent_inside_and_back_afterwards(capfd):
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    with quiet():
        os.write(2, b"chatter")
        assert not SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay() == shown


def test_an_error_inside_restores_the_stream(capfd):
    with pytest.raises(KeyError), quiet():
        raise KeyError
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"


def test_threads_that_overlap_leave_the_stream_as_it_was(capfd):
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with quiet():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    with quiet():
        thread.start()
        entered.wait(10)
    os.write(2, b"still inside elsewhere")
    leave.set()
    thread.join()
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"

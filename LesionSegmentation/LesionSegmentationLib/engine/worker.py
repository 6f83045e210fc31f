"""The process that runs models, so that whoever asks for them stays free: ``python -m ...engine.worker``.

One JSON object a line on standard input:
    {"command": "segment", "id": "1", "inputs": {"flair": path, "t1": path}, "reference": "flair",
     "names": {"flair": what a person calls it, ...}, "model": name or folder, "device": "auto", "output": folder}
    {"command": "follow-up", "id": "2", "earlier": {"image": path, "map": folder, "drawn": bool}, "later": {...},
     "output": folder}
    {"command": "cancel", "id": "1"}
    {"command": "stop"}

One JSON object a line on standard output, and nothing else there:
    {"event": "ready", "versions": {...}, "devices": [...]}
    {"event": "progress", "id", "stage", "fraction": 0..1, "seconds_left": s|null, "patch": [done, of]|null}
    {"event": "log", "id", "message"}
    {"event": "done", "id", "output", "seconds", "device"}
    {"event": "cancelled", "id"}
    {"event": "failed", "id", "error": one sentence, "kind": "input"|"internal", "log": traceback|null}

The stages are read, prepare, predict, restore, curve and write, of a follow-up read, register, resample and write;
``seconds_left`` is that of the stage; ``patch`` counts the forward passes of predict. ``names`` may be left out. Jobs
run one after the other, the network of the last one stays loaded. A cancel is answered within one patch. The output
folder (see ``job_folder`` and ``alignment_folder``) appears when it is whole. The worker ends when told, when its
standard input closes, or when its parent
is gone; what is not finished then is cancelled.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from .alignment_folder import load_map, write_alignment
from .bundle import Bundle, find_bundle
from .device import describe_devices
from .errors import Cancelled, InputError
from .follow_up_alignment import TimePoint, align
from .job_folder import check_job_folder, write_job
from .operating_curve import OperatingCurve
from .output_folder import output_folder
from .process import process
from .provenance import versions
from .study import read_study
from .volume import read_volume

_PARENT_CHECK_SECONDS = 1.0
_NOUNS = {"segment": "segmentation", "follow-up": "comparison"}


class Job:
    """A command to work on. ``cancelled`` is set from the thread that listens, and looked at by the one that works."""

    def __init__(self, command: dict):
        self.id = command.get("id")
        self.command = command
        self.cancelled = threading.Event()


class Worker:
    """Listens for commands in one thread and works through the jobs in another, the caller's."""

    def __init__(self, commands: Iterable[bytes], events: TextIO):
        self._commands = commands
        self._events = events
        self._speaking = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._stopping = threading.Event()
        self._loaded: tuple[tuple, object] | None = None
        self._parent = os.getppid()

    def run(self) -> None:
        """Announce readiness and work until told to stop."""
        self._say("ready", versions=versions(), devices=describe_devices())
        for target in (self._listen, self._watch_parent):
            threading.Thread(target=target, daemon=True).start()
        while job := self._next_job():
            self._finish(job)
        self._loaded = None  # ends the process of a foreign network

    def stop(self) -> None:
        """Cancel everything and end :meth:`run`."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    # The listening thread

    def _listen(self) -> None:
        for line in self._commands:
            if line.strip():
                try:
                    self._obey(json.loads(line))
                except (ValueError, AttributeError):
                    self._say(**_failed("A command was not a JSON object on one line."), id=None)
            if self._stopping.is_set():
                return
        self.stop()

    def _obey(self, command: dict) -> None:
        kind = command.get("command")
        if kind in ("segment", "follow-up"):
            self._accept(Job(command))
        elif kind == "cancel":
            self._cancel(command.get("id"))
        elif kind == "stop":
            self.stop()
        else:
            unknown = _failed(f"The command '{kind}' is unknown; use segment, follow-up, cancel or stop.")
            self._say(**unknown, id=command.get("id"))

    def _accept(self, job: Job) -> None:
        with self._changed:
            taken = any(job.id == other.id for other in (*self._waiting, self._running) if other)
            if not taken:
                self._waiting.append(job)
                self._changed.notify_all()
        if taken:
            self._say(**_failed(f"The job {job.id} is under way already; give the new one another id."), id=job.id)

    def _cancel(self, identifier: str) -> None:
        """Cancel a running job where it looks next, a waiting one at once; what is over is left alone."""
        with self._changed:
            waiting = [job for job in self._waiting if job.id == identifier]
            for job in waiting:
                self._waiting.remove(job)
            if self._running and self._running.id == identifier:
                self._running.cancelled.set()
        for job in waiting:
            self._say("cancelled", id=job.id)

    def _watch_parent(self) -> None:
        """On Windows the parent's number never changes; there the closed standard input tells."""
        while not self._stopping.wait(_PARENT_CHECK_SECONDS):
            if os.getppid() != self._parent:
                self.stop()

    # The working thread

    def _next_job(self) -> Job | None:
        with self._changed:
            self._running = None
            while not self._waiting and not self._stopping.is_set():
                self._changed.wait()
            left = list(self._waiting) if self._stopping.is_set() else []
            if not left:
                self._running = self._waiting.popleft() if self._waiting else None
        for job in left:
            self._say("cancelled", id=job.id)
        return None if left else self._running

    def _finish(self, job: Job) -> None:
        """Do one job; whatever happens to it, the worker lives on."""
        try:
            last = self._follow_up(job) if job.command["command"] == "follow-up" else self._segment(job)
        except Cancelled:
            last = {"event": "cancelled"}
        except InputError as error:
            last = _failed(str(error))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".:")
            last = _failed(
                f"The {_NOUNS[job.command['command']]} failed inside the program ({reason}).",
                "internal",
                traceback.format_exc(),
            )
        with self._changed:
            self._running = None  # from here on the id is free again
        self._say(**last, id=job.id)

    def _segment(self, job: Job) -> dict:
        """Do the work of one job and return its event ``done``."""
        start = time.perf_counter()
        command = _checked(job.command, inputs=dict, model=str, output=str)
        progress = _Progress(lambda **values: self._say("progress", id=job.id, **values))

        def cancelled() -> bool:
            return job.cancelled.is_set() or self._stopping.is_set()

        def log(message: str) -> None:
            self._say("log", id=job.id, message=message)

        def go_on(stage: str, fraction: float) -> None:
            if cancelled():
                raise Cancelled
            progress(stage, fraction)

        folder = Path(command["output"]).absolute()
        check_job_folder(folder)
        with output_folder(folder.parent):
            go_on("read", 0.0)
            bundle = find_bundle(command["model"])
            study = read_study(command["inputs"], command.get("reference", "flair"), command.get("names"))
            go_on("read", 1.0)
            found = process(
                study,
                bundle,
                command.get("device", "auto"),
                progress,
                cancelled,
                log,
                self._network(bundle),
                progress.count_patches,
            )
            go_on("curve", 0.0)
            tree = OperatingCurve.of(found).tree
            go_on("curve", 1.0)
            go_on("write", 0.0)
            write_job(folder, found, tree)
            progress("write", 1.0)
        seconds = round(time.perf_counter() - start, 3)
        return {"event": "done", "output": str(folder), "seconds": seconds, "device": found.provenance.get("device")}

    def _follow_up(self, job: Job) -> dict:
        """Align the two studies of one job and return its event ``done``."""
        start = time.perf_counter()
        command = _checked(job.command, earlier=dict, later=dict, output=str)
        progress = _Progress(lambda **values: self._say("progress", id=job.id, **values))
        folder = Path(command["output"]).absolute()
        if folder.exists():
            raise InputError(f"The output folder '{folder.name}' is there already; choose a new one.")
        with output_folder(folder.parent):
            progress("read", 0.0)
            points = [_time_point(command[word]) for word in ("earlier", "later")]
            pair = align(*points, progress, lambda: job.cancelled.is_set() or self._stopping.is_set())
            progress("write", 0.0)
            write_alignment(folder, pair)
            progress("write", 1.0)
        return {
            "event": "done",
            "output": str(folder),
            "seconds": round(time.perf_counter() - start, 3),
            "device": "cpu",
        }

    def _network(self, bundle: Bundle):
        """The bundle's network, kept from the last job when it is the same."""
        key = (bundle.folder.resolve(), bundle.sha256)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # let the old one go before the new one is made
            self._loaded = (key, bundle.network())
        return self._loaded[1]

    # What is said

    def _say(self, event: str, **values) -> None:
        line = json.dumps({"event": event, **values}) + "\n"
        try:
            with self._speaking:
                self._events.write(line)
                self._events.flush()
        except (OSError, ValueError):
            self.stop()  # nobody listens any more


class _Progress:
    """Tells of stages and fractions, with the seconds left in a stage from the rate since its first report."""

    def __init__(self, tell):
        self._tell = tell
        self._stage = None
        self._patch = None

    def count_patches(self, done: int, of: int) -> None:
        """Remember which patch of predict is done, for the next report."""
        self._patch = [done, of]

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.perf_counter()
        if stage != self._stage:
            self._stage, self._first = stage, (now, fraction)
        seconds, done = now - self._first[0], fraction - self._first[1]
        left = round(seconds * (1 - fraction) / done, 1) if done > 0 else None
        patch = self._patch if stage == "predict" else None
        self._tell(stage=stage, fraction=round(float(fraction), 4), seconds_left=left, patch=patch)


def _failed(error: str, kind: str = "input", log: str | None = None) -> dict:
    return {"event": "failed", "error": error, "kind": kind, "log": log}


def _checked(command: dict, **fields: type) -> dict:
    for field, kind in fields.items():
        if not isinstance(command.get(field), kind) or not command[field]:
            raise InputError(f"The job {command.get('id')} has no '{field}'; give it one.")
    return command


def _time_point(entry: dict) -> TimePoint:
    try:
        return TimePoint(read_volume(entry["image"]), load_map(Path(entry["map"])), bool(entry.get("drawn")))
    except (OSError, KeyError, TypeError) as error:
        raise InputError("A study of the follow-up was not handed over whole; compare the studies again.") from error


def _own_standard_output() -> TextIO:
    """Return standard output for events alone; what anybody else prints goes to standard error from now on."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return events


def main() -> None:
    """Run a worker on this process's standard streams."""
    # A buffer of our own: Python's must not be held by a thread that still reads when the interpreter ends.
    commands = os.fdopen(os.dup(0), "rb")
    Worker(commands, _own_standard_output()).run()
    # All is said and written. Taking the interpreter down while a thread may still read can abort the process.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

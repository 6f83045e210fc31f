"""The near side of the worker process: start it, give it jobs, hear what it says, never wait for it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import uuid
from collections import deque
from pathlib import Path

from .job_folder import load_job
from .python_process import start_module

__all__ = ["WorkerClient", "load_job"]

_MODULE = "LesionSegmentationLib.engine.worker"
_TAIL_LINES = 40
_FINAL = ("done", "cancelled", "failed")


class WorkerClient:
    """A worker process and its jobs.

        client = WorkerClient()
        job = client.segment({"inputs": {"flair": path}, "model": "ms-flair", "output": folder})
        for event in client.poll(job):  # from a timer; the events are those of ``worker``
            ...
        client.close()

    What is said of a job waits until it is asked for, so several who share a client do not take each other's events.
    ``devices``: what the worker found when it started ([{"name", "text"}], see ``device``), None before it is up;
    ``failure``: why the last process ended by itself, "" while there is nothing to tell.

    Every job ends with one event ``done``, ``cancelled`` or ``failed``, also when the process dies; a later ``segment``
    then starts a new one. ``python``: the interpreter (inside Slicer: PythonSlicer). ``environment``: its variables,
    those of this process when None. Not for use from several threads.
    """

    def __init__(self, python: str | Path = sys.executable, environment: dict[str, str] | None = None):
        self._python = str(python)
        self._environment = environment
        self._worker: _Connection | None = None
        self._open: set[str] = set()
        self._said: list[dict] = []  # and not asked for yet
        self._forgotten: set[str] = set()
        self._devices: list[dict] | None = None
        self._failure = ""

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._worker is not None and self._worker.process.poll() is None

    def start(self) -> None:
        """Start the process unless it runs; ``ready`` follows. Raises InputError when it cannot be started."""
        if not self.alive:
            if self._worker is not None:
                self._worker.settle()
                self._hear()
            self._devices, self._failure = None, ""
            self._worker = _Connection(self._python, self._environment)

    def segment(self, job: dict) -> str:
        """Send a segment command (see ``worker``), starting the process if need be; returns the job's id."""
        return self._begin({**job, "command": "segment"})

    def follow_up(self, job: dict) -> str:
        """Send a follow-up command in the same way."""
        return self._begin({**job, "command": "follow-up"})

    def cancel(self, identifier: str) -> None:
        """Ask for the job to be given up; the event ``cancelled`` follows unless the job was over before."""
        if self._worker is not None:
            self._worker.send({"command": "cancel", "id": identifier})

    def forget(self, identifier: str) -> None:
        """Cancel the job and never again speak of it."""
        self.cancel(identifier)
        if identifier in self._open:
            self._forgotten.add(identifier)
        self._said = [event for event in self._said if event.get("id") != identifier]

    @property
    def devices(self) -> list[dict] | None:
        self._hear()
        return self._devices

    @property
    def failure(self) -> str:
        self._hear()
        return self._failure

    @property
    def words(self) -> str:
        """The last lines that the process wrote beside its events: warnings of libraries, a trace when it died."""
        return "" if self._worker is None else self._worker.words

    def poll(self, identifier: str | None = None) -> list[dict]:
        """Return what the worker said since the last call, without waiting: of one job, or all when None."""
        self._hear()
        mine = [event for event in self._said if identifier in (None, event.get("id"))]
        self._said = [event for event in self._said if event not in mine]
        return mine

    def _hear(self) -> None:
        """Take in what the process has said."""
        while self._worker is not None:
            try:
                event = self._worker.events.get_nowait()
            except queue.Empty:
                break
            if event["event"] == "ended":
                self._take(self._ending(event))
                self._worker = None
            else:
                if event["event"] == "ready":
                    self._devices = event["devices"]
                if event["event"] in _FINAL:
                    self._open.discard(event.get("id"))
                self._take([event])

    def _take(self, events: list[dict]) -> None:
        self._said += [event for event in events if event.get("id") not in self._forgotten]
        self._forgotten -= {event.get("id") for event in events if event["event"] in _FINAL}

    def close(self, seconds: float = 5.0) -> None:
        """Stop the process and cancel its jobs; one that does not end by itself within ``seconds`` is killed."""
        if self._worker is not None:
            self._worker.close(seconds)
            self._hear()

    def _begin(self, job: dict) -> str:
        self.start()
        identifier = str(job.get("id") or uuid.uuid4().hex)
        self._open.add(identifier)
        self._worker.send({**job, "id": identifier})
        return identifier

    def _ending(self, event: dict) -> list[dict]:
        """What follows from the end of the process for the jobs that were open."""
        jobs, self._open = sorted(self._open), set()
        if event["expected"]:
            return [{"event": "cancelled", "id": job} for job in jobs]
        error = f"The worker process ended unexpectedly (exit code {event['code']}); the log shows its last words."
        if self._devices is None:
            reason = (event["log"].strip().splitlines() or [f"exit code {event['code']}"])[-1].strip().rstrip(".")[:200]
            error = f"The worker process cannot start ({reason}); repair or install PyTorch again."
        self._failure = error
        # Without a job the news still has to reach somebody: a worker that cannot even start ends here.
        return [
            {"event": "failed", "id": job, "error": error, "kind": "internal", "log": event["log"]}
            for job in jobs or [None]
        ]


class _Connection:
    """One process with the three threads that serve its streams; its last event is ``ended``."""

    def __init__(self, python: str, environment: dict[str, str] | None):
        self.process = start_module(python, _MODULE, environment)
        self.events: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._commands: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._expected = False
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._write, self._drain, self._listen)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def words(self) -> str:
        return "\n".join(list(self._tail))  # a copy: another thread adds to it

    def send(self, command: dict) -> None:
        self._commands.put(command)

    def close(self, seconds: float) -> None:
        self._expected = True
        self.send({"command": "stop"})
        self._commands.put(None)
        for end in (lambda: None, self.process.terminate, self.process.kill):
            end()
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        self.settle()

    def settle(self) -> None:
        """Let the threads of a process that has ended pass on its last words."""
        for thread in self._threads:
            thread.join(2.0)

    def _write(self) -> None:
        """A pipe can be full: only this thread ever waits for the worker to read."""
        try:
            with self.process.stdin as stream:
                while (command := self._commands.get()) is not None:
                    stream.write(json.dumps(command).encode() + b"\n")
                    stream.flush()
        except OSError:
            pass  # the process is gone; the listening thread tells

    def _drain(self) -> None:
        with self.process.stderr as stream:
            for line in stream:
                self._tail.append(line.decode("utf-8", "replace").rstrip())

    def _listen(self) -> None:
        with self.process.stdout as stream:
            for line in stream:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = None
                if isinstance(event, dict) and "event" in event:
                    self.events.put(event)
                else:
                    self._tail.append(line.decode("utf-8", "replace").rstrip())
        code = self.process.wait()
        self._commands.put(None)
        self._threads[1].join(2.0)
        self.events.put({"event": "ended", "code": code, "expected": self._expected, "log": self.words})

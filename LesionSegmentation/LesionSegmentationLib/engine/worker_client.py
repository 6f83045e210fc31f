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
        for event in client.poll():  # from a timer; the events are those of ``worker``
            ...
        client.close()

    Every job ends with one event ``done``, ``cancelled`` or ``failed``, also when the process dies; a later ``segment``
    then starts a new one. ``python``: the interpreter (inside Slicer: PythonSlicer). ``environment``: its variables,
    those of this process when None. Not for use from several threads.
    """

    def __init__(self, python: str | Path = sys.executable, environment: dict[str, str] | None = None):
        self._python = str(python)
        self._environment = environment
        self._worker: _Connection | None = None
        self._open: set[str] = set()
        self._late: list[dict] = []
        self._forgotten: set[str] = set()

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
                self._late = self.poll()
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
        """Cancel the job and report nothing more of it."""
        self.cancel(identifier)
        self._forgotten.add(identifier)

    def poll(self, identifier: str | None = None) -> list[dict]:
        """Return what the worker said since the last call, without waiting.

        With the ``identifier`` of a job: what concerns it or no job at all; the rest waits for the others to ask.
        """
        events = [event for event in self._heard() if event.get("id") not in self._forgotten]
        if identifier is not None:
            self._late = [event for event in events if event.get("id") not in (None, identifier)]
            events = [event for event in events if event.get("id") in (None, identifier)]
        return events

    def _heard(self) -> list[dict]:
        events, self._late = self._late, []
        while self._worker is not None:
            try:
                event = self._worker.events.get_nowait()
            except queue.Empty:
                break
            if event["event"] == "ended":
                events += self._ending(event)
                self._worker = None
            else:
                if event["event"] in _FINAL:
                    self._open.discard(event.get("id"))
                events.append(event)
        return events

    def close(self, seconds: float = 5.0) -> None:
        """Stop the process and cancel its jobs; one that does not end by itself within ``seconds`` is killed."""
        if self._worker is not None:
            self._worker.close(seconds)
            self._late = self.poll()

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
        self.events.put({"event": "ended", "code": code, "expected": self._expected, "log": "\n".join(self._tail)})

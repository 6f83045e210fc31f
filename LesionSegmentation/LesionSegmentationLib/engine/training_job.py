"""Training as a chain of commands of the training package, each a process of its own, with a log in the run's folder.

Nothing of the training package is imported here; it lies beside this one, or in ``training`` of the source tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from dataclasses import asdict
from pathlib import Path

from .bundle import Bundle, model_folders
from .bundle_installation import install_bundle
from .errors import InputError
from .python_process import start_command, this_python
from .training_settings import TrainingSettings, fit_options, table_channels, training_folder

RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
CACHE, LOG, CURVE, SETTINGS = "cases.safetensors", "training.log", "curve.csv", "training.json"
OLDEST_PYTHON = (3, 11)
_MAIN = ("-m", "LesionSegmentationTraining")
_SECONDS_TO_END = 5.0


class Job:
    """A chain of commands; poll it until :attr:`state` is no longer "running".

    ``environment``: the variables of the processes, those of this one when None. ``step``: what is being done ("check",
    "prepare", "fit" or "export"); ``error``: why it failed, one sentence. The processes go on without being polled;
    they end with :meth:`stop`.
    """

    def __init__(
        self, run: Path, python: str, steps: list[tuple[str, list[str]]], environment: dict[str, str] | None = None
    ):
        self.state, self.error = RUNNING, ""
        self.run = run
        self.python = python or this_python()
        self._environment = environment
        self._steps = [("check", ["-m", "LesionSegmentationLib.engine.training_packages"]), *steps]
        self._process: subprocess.Popen | None = None
        self._stop_at: float | None = None
        self._folder = training_folder()
        try:
            run.mkdir(parents=True, exist_ok=True)
            self._next()
        except OSError as error:
            raise InputError(f"The folder {run} cannot be written to ({error.strerror}); choose another.") from error

    @property
    def step(self) -> str:
        return self._steps[0][0] if self._steps else ""

    @property
    def stopping(self) -> bool:
        return self.state == RUNNING and self._stop_at is not None

    @property
    def log(self) -> str:
        """The end of what the commands said."""
        path = self.run / LOG
        return _tail(path, 20_000) if path.is_file() else ""

    def poll(self) -> None:
        """Look whether the present command has ended, and begin the next one. Never waits."""
        if self.state != RUNNING:
            return
        code = self._process.poll()
        if code is None:
            if self._stop_at is not None and time.monotonic() > self._stop_at:
                self._signal("SIGKILL")
            return
        if self._stop_at is not None:
            self._end(STOPPED)
        elif code != 0:
            self._end(FAILED, self._sentence(code))
        elif self.step == "check" and (problem := self._environment_problem()):
            self._end(FAILED, problem)
        else:
            self._steps.pop(0)
            if self._steps:
                self._next()
            else:
                self._finish()

    def wait(self, each=lambda: None) -> None:
        """Poll until the end, calling ``each()`` in between."""
        while self.state == RUNNING:
            self.poll()
            each()
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask the present command to end; a fit goes on from its last checkpoint when it is started again."""
        if self.state == RUNNING and self._stop_at is None:
            self._stop_at = time.monotonic() + _SECONDS_TO_END
            self._signal("SIGTERM")

    def close(self) -> None:
        """Stop and wait for it: for an application that ends."""
        self.stop()
        self.wait()

    def _finish(self) -> None:
        self._end(DONE)

    def _end(self, state: str, error: str = "") -> None:
        self.state, self.error = state, error

    def _next(self) -> None:
        path = self.run / LOG
        self._from = path.stat().st_size if path.exists() else 0
        self._process = start_command(self.python, self._steps[0][1], [self._folder], path, self._environment)

    def _signal(self, name: str) -> None:
        """To the command and to the processes that it has started."""
        try:
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, getattr(signal, name))
        except OSError:
            pass  # it has ended meanwhile

    def _said(self) -> str:
        """What the present command has said."""
        with (self.run / LOG).open("rb") as stream:
            stream.seek(self._from)
            return stream.read().decode("utf-8", "replace")

    def _environment_problem(self) -> str:
        name = Path(self.python).name
        try:
            found = json.loads(self._said().strip().splitlines()[-1])
            version = tuple(int(part) for part in found["python"].split(".")[:2])
            missing = found["missing"]
        except (ValueError, KeyError, IndexError, TypeError):
            return f"{name} is no Python that can train; choose the interpreter of another environment."
        if version < OLDEST_PYTHON:
            needed = ".".join(str(part) for part in OLDEST_PYTHON)
            return f"{name} is Python {found['python']}, training needs {needed} or newer; choose another environment."
        if missing:
            packages = " ".join(missing)
            return (
                f"The Python environment of {name} lacks {', '.join(missing)}; run `pip install {packages}` there, or "
                "choose another one."
            )
        return ""

    def _sentence(self, code: int) -> str:
        errors = [line for line in self._said().splitlines() if re.match(r"(\S+: )?error: ", line)]
        if errors:
            return errors[-1].partition("error: ")[2].strip()
        if self.step == "check":
            return (
                f"{Path(self.python).name} is no Python that can train; choose the interpreter of another environment."
            )
        return f"The command {self.step} ended unexpectedly (exit code {code}); the log shows its last words."


class TrainingJob(Job):
    """Prepare the cases of a table and fit a network to them; a run that is there already goes on.

    Raises InputError for settings that cannot be used, among them others than those of the run in the folder.
    """

    def __init__(self, settings: TrainingSettings, environment: dict[str, str] | None = None):
        table, run = Path(settings.table), Path(settings.run)
        if not settings.run:
            raise InputError("Choose a folder for the run.")
        channels = table_channels(table)
        if not channels:
            raise InputError(f"The case table {table.name} has no channel; see the training guide.")
        self.settings = settings
        cache = run / CACHE
        identity = {
            **{key: asdict(settings)[key] for key in ("preset", "loss", "alpha", "beta", "network")},
            "cases": hashlib.sha256(table.read_bytes()).hexdigest(),
        }
        _check_same_run(run, identity)
        steps = []
        if not cache.exists():
            recipe = run / "recipe.yaml"  # what JSON says is YAML too, and needs no library to write
            _write(recipe, {"channels": channels, "tables": [table.name]})
            data = ["--data", str(table.parent.absolute()), "--cache", str(cache.absolute())]
            steps.append(("prepare", [*_MAIN, "prepare", str(recipe.absolute()), *data]))
        steps.append(("fit", [*_MAIN, "fit", *fit_options(settings, cache, len(channels))]))
        _write(run / SETTINGS, identity)
        super().__init__(run, settings.python, steps, environment)

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done and steps in all; (0, 0) before the fit has begun."""
        config, curve = self.run / "config.yaml", self.run / CURVE
        if not (config.is_file() and curve.is_file()):
            return 0, 0
        text = config.read_text(encoding="utf-8")
        found = [re.search(rf"^  {key}: (\d+)$", text, re.MULTILINE) for key in ("max_epochs", "steps_per_epoch")]
        rows = _tail(curve, 2000).splitlines()
        done = rows[-1].partition(",")[0] if rows else ""
        return int(done) if done.isdigit() else 0, (int(found[0][1]) * int(found[1][1]) if all(found) else 0)


class ExportJob(Job):
    """Make a calibrated bundle of a run and install it for this user; ``bundle`` is it, at the end.

    ``about``: what only the maker can say: name, title, task, licence, data, limits (see the training guide). Raises
    InputError for a run without a checkpoint and a name that is taken.
    """

    def __init__(
        self,
        run: str | Path,
        about: dict,
        python: str = "",
        options: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ):
        run, name = Path(run), about.get("name", "")
        checkpoint = next((run / file for file in ("best.ckpt", "last.ckpt") if (run / file).is_file()), None)
        if checkpoint is None:
            raise InputError(f"The folder '{run.name}' holds no run with a checkpoint; train first.")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise InputError("Give the model a name of letters, digits, dots and hyphens.")
        if any((folder / name).exists() for folder in model_folders()):
            raise InputError(f"A model called '{name}' is installed already; give this one another name.")
        self.bundle: Bundle | None = None
        self._fresh = run / f"export-{uuid.uuid4().hex[:8]}"
        self._target = self._fresh / name
        _write(self._fresh / "about.yaml", about)
        paths = [("--checkpoint", checkpoint), ("--about", self._fresh / "about.yaml"), ("--bundle", self._target)]
        arguments = [text for option, path in paths for text in (option, str(path.absolute()))]
        super().__init__(run, python, [("export", [*_MAIN, "export", *arguments, *options])], environment)

    def _finish(self) -> None:
        try:
            self.bundle = install_bundle(self._target)
        except InputError as error:
            self._end(FAILED, str(error))
        else:
            self._end(DONE)

    def _end(self, state: str, error: str = "") -> None:
        super()._end(state, error)
        shutil.rmtree(self._fresh, ignore_errors=True)


def _check_same_run(run: Path, identity: dict) -> None:
    """Raise InputError when the folder holds a run of other settings or cases: going on would mix the two."""
    try:
        before = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    changed = [key for key, value in identity.items() if before.get(key) != value]
    if changed:
        raise InputError(
            f"The folder '{run.name}' holds a run with other settings ({', '.join(changed)}); choose another folder, "
            "or the settings of that run."
        )


def _write(path: Path, content: dict) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The folder {path.parent} cannot be written to ({error.strerror}); choose another."
        ) from error


def _tail(path: Path, length: int) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - length))
        return stream.read().decode("utf-8", "replace")

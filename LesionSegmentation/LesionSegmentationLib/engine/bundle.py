"""A model on disk: ``bundle.json``, ``weights.safetensors`` and ``CARD.md`` in one folder.

All that a model needs to run is data beside its weights; nothing in a bundle is executed.
"""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from .checksum import sha256_of
from .conditioned_score import OUTPUTS, rho_range
from .errors import InputError
from .intensity import check_intensity
from .prepare import Plan
from .runtimes import ENGINE, RUNTIMES
from .validated_range import check_validated

SCHEMA = 1
MODELS_VARIABLE = "LESION_SEGMENTATION_MODELS"
USER_MODELS_VARIABLE = "LESION_SEGMENTATION_USER_MODELS"
SHIPPED_MODELS = Path(__file__).resolve().parents[2] / "Resources" / "Models"
_FIELDS = {
    "schema": int,
    "name": str,
    "version": str,
    "title": str,
    "task": str,
    "licence": str,
    "channels": list,
    "network": dict,
    "plan": dict,
    "calibration": dict,
    "floor": list,
    "training": dict,
    "weights": dict,
}


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle. ``sha256`` is that of the weights file."""

    folder: Path
    description: dict

    @property
    def name(self) -> str:
        return self.description["name"]

    @property
    def version(self) -> str:
        return self.description["version"]

    @property
    def sha256(self) -> str:
        return self.description["weights"]["sha256"]

    @property
    def runtime(self) -> str:
        """What runs the network: ``engine``, or a key of ``runtimes.RUNTIMES``."""
        return self.description.get("runtime", ENGINE)

    @property
    def rho_range(self) -> tuple[float, float] | None:
        """The range of rho = beta/alpha that a conditioned head was trained on, (lowest, highest); else None."""
        return rho_range(self.description.get("score"), f"bundle.json of '{self.name}'")

    @property
    def channels(self) -> list[tuple[str, bool]]:
        """The input channels in the network's order, each with whether it is required."""
        return [(channel["name"], bool(channel["required"])) for channel in self.description["channels"]]

    @property
    def plan(self) -> Plan:
        plan = self.description["plan"]
        tile = plan.get("tile")
        return Plan(
            channels=tuple(name for name, _ in self.channels),
            spacing_mm=tuple(float(s) for s in plan["spacing_mm"]),
            spacing_tolerance=float(plan["spacing_tolerance"]),
            tile=None if tile is None else tuple(int(t) for t in tile),
            intensity=plan.get("intensity"),
        )

    def network(self):
        """Return the trained network in evaluation mode, float32 on the CPU.

        One that another runtime runs is a ``foreign_network.ForeignNetwork``, with a process of its own to be closed.
        Raises InputError when the weights do not fit or the runtime cannot run it.
        """
        network, weights = self.description["network"], self.folder / self.description["weights"]["file"]
        if self.runtime != ENGINE:
            from .foreign_network import ForeignNetwork

            return ForeignNetwork(self.runtime, self.name, network, weights)
        from .networks import build_network
        from .networks.weights import load_weights

        return load_weights(build_network(network), weights, self.name)


@dataclass(frozen=True)
class BrokenBundle:
    """A folder that looks like a bundle and cannot be used, with the reason."""

    folder: Path
    reason: str

    @property
    def name(self) -> str:
        return self.folder.name


def load_bundle(folder: str | Path) -> Bundle:
    """Read and verify the bundle in ``folder``: schema, network name, checksum. The weights are not loaded yet.

    Raises InputError that names the bundle and what is wrong with it.
    """
    folder = Path(folder)
    path = folder / "bundle.json"
    if not path.is_file():
        raise InputError(f"{folder.name} is not a model bundle: it has no bundle.json.")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"bundle.json of '{folder.name}' cannot be read ({error}); install the bundle again."
        ) from error
    _check_description(description, folder.name)
    weights = folder / description["weights"]["file"]
    if not weights.is_file():
        raise InputError(f"Bundle '{folder.name}' has no {weights.name}; install the bundle again.")
    if sha256_of(weights) != description["weights"]["sha256"]:
        raise InputError(
            f"The weights of bundle '{folder.name}' do not have the checksum that bundle.json states; the file was "
            "changed or damaged, install the bundle again."
        )
    return Bundle(folder, description)


def find_bundle(name: str | Path) -> Bundle:
    """Return the bundle called ``name`` from the model folders, or the one in the folder ``name``."""
    if (Path(name) / "bundle.json").is_file():
        return load_bundle(name)
    for folder in model_folders():
        if (folder / str(name) / "bundle.json").is_file():
            return _load_installed(folder / str(name))
    if os.sep in str(name) or Path(name).is_dir():
        return load_bundle(name)
    known = ", ".join(bundle.name for bundle in list_bundles() if isinstance(bundle, Bundle)) or "none"
    raise InputError(f"There is no model called '{name}'; installed models: {known}.")


def list_bundles() -> list[Bundle | BrokenBundle]:
    """Return every bundle in the model folders, broken ones with the reason, in alphabetical order of the folders."""
    found = {}
    for models in model_folders():
        for folder in sorted(models.glob("[!.]*")):  # what begins with a dot is being installed or removed
            if (folder / "bundle.json").is_file() and folder.name not in found:
                try:
                    found[folder.name] = _load_installed(folder)
                except InputError as error:
                    found[folder.name] = BrokenBundle(folder, str(error))
    return list(found.values())


def model_folders() -> list[Path]:
    """Folders searched for bundles: those of $LESION_SEGMENTATION_MODELS, the user's own, the shipped ones."""
    named = [Path(p) for p in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if p]
    return [*named, user_model_folder(), SHIPPED_MODELS]


def user_model_folder() -> Path:
    """Return where bundles are installed for this user: $LESION_SEGMENTATION_USER_MODELS, or the system's own place.

    The folder need not exist yet. It is no part of the package, so an update of the extension leaves it alone.
    """
    named = os.environ.get(USER_MODELS_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "LesionSegmentation" / "Models"


def _load_installed(folder: Path) -> Bundle:
    """Load a bundle of a model folder, where it is found by the folder's name and shown by its own."""
    bundle = load_bundle(folder)
    if bundle.name != folder.name:
        raise InputError(f"The bundle in the folder '{folder.name}' is called '{bundle.name}'; give both one name.")
    return bundle


def write_bundle(
    folder: str | Path, description: dict, state_dict: dict, card: str, pictures: dict[str, bytes] | None = None
) -> Bundle:
    """Write a bundle beside ``folder`` and rename it into place; returns it verified.

    ``description`` is bundle.json without ``schema`` and ``weights``; ``runtime`` may be left out for a network of the
    engine's own. ``pictures``: contents of files that the card shows, by file name. An existing ``folder`` is refused,
    and so are weights that are not finite.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder.name} exists already; remove it or give the new bundle another name.")
    description = {"schema": SCHEMA, **description, "weights": {"file": "weights.safetensors", "sha256": ""}}
    _check_description(description, folder.name)
    broken = [name for name, tensor in state_dict.items() if not tensor.isfinite().all()]
    if broken:
        raise InputError(f"The weights {', '.join(broken[:3])} are not finite; {folder.name} is not written.")
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    weights = partial / description["weights"]["file"]
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state_dict.items()}, str(weights))
    description["weights"]["sha256"] = sha256_of(weights)
    (partial / "bundle.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    (partial / "CARD.md").write_text(card, encoding="utf-8")
    for name, content in (pictures or {}).items():
        (partial / name).write_bytes(content)
    os.replace(partial, folder)
    return load_bundle(folder)


def _check_description(description: dict, name: str) -> None:
    if not isinstance(description, dict):
        raise InputError(f"bundle.json of '{name}' is not a JSON object.")
    for field, kind in _FIELDS.items():
        if field not in description:
            raise InputError(f"bundle.json of '{name}' has no '{field}'; install the bundle again.")
        if not isinstance(description[field], kind):
            raise InputError(f"In bundle.json of '{name}' the entry '{field}' is not a {kind.__name__}.")
    if description["schema"] != SCHEMA:
        raise InputError(
            f"Bundle '{name}' has schema {description['schema']}; this version reads schema {SCHEMA}. "
            "Update the extension or the bundle."
        )
    for field, inner in {
        "weights": ("file", "sha256"),
        "plan": ("spacing_mm", "spacing_tolerance"),
        "calibration": ("scale", "bias"),
        "network": ("name",),
    }.items():
        for key in inner:
            if key not in description[field]:
                raise InputError(f"bundle.json of '{name}' has no '{field}.{key}'; install the bundle again.")
    weights = description["weights"]["file"]
    if not isinstance(weights, str) or not weights or Path(weights).name != weights:
        raise InputError(f"In bundle.json of '{name}' the weights file is not a plain file name.")
    _check_network(description, name)
    channels = description["channels"]
    if not channels or not all(isinstance(c, dict) and {"name", "required"} <= c.keys() for c in channels):
        raise InputError(f"In bundle.json of '{name}' every channel needs a 'name' and 'required'.")
    plan, calibration = description["plan"], description["calibration"]
    numbers = {
        "plan.spacing_mm": _are_numbers(plan["spacing_mm"], 3, above=0),
        "plan.spacing_tolerance": _are_numbers([plan["spacing_tolerance"]], 1, above=-1e-9),
        "plan.tile": plan.get("tile") is None or _are_numbers(plan["tile"], 3, above=7),
        "calibration.scale": _are_numbers([calibration["scale"]], 1, above=0),
        "calibration.bias": _are_numbers([calibration["bias"]], 1, above=-math.inf),
    }
    for field, fine in numbers.items():
        if not fine:
            raise InputError(
                f"In bundle.json of '{name}' the entry '{field}' is not what it should be; install it again."
            )
    check_intensity(plan.get("intensity"), f"bundle '{name}' (bundle.json, 'plan')")
    check_floor(description["floor"], f"bundle.json of '{name}'")
    check_validated(description.get("validated"), f"bundle.json of '{name}'")
    _check_score(description, name)


def _check_network(description: dict, name: str) -> None:
    """Raise InputError unless this version knows the runtime, and the runtime the kind of network."""
    from .networks import known_networks

    runtime, network = description.get("runtime", ENGINE), description["network"]["name"]
    known = [ENGINE, *RUNTIMES]
    if runtime not in known:
        needed = description["training"].get("code_version", "that it was made with")
        raise InputError(
            f"Bundle '{name}' asks for the runtime '{runtime}', which version {__version__} of LesionSegmentation does "
            f"not have (it has {', '.join(known)}); install version {needed} or a later one."
        )
    if runtime == ENGINE and network not in known_networks():
        raise InputError(
            f"Bundle '{name}' asks for the network '{network}', which is unknown; "
            f"the known ones are {', '.join(known_networks())}."
        )
    if runtime != ENGINE and not (isinstance(network, str) and network.startswith(f"{runtime}.")):
        raise InputError(
            f"Bundle '{name}' asks the runtime '{runtime}' for the network '{network}', which is none of its own; "
            f"those are called {runtime}.ClassName."
        )


def _check_score(description: dict, name: str) -> None:
    """Raise InputError unless the kind of score is known and fits what else the bundle says."""
    conditioned = rho_range(description.get("score"), f"bundle.json of '{name}'") is not None
    if conditioned and description.get("runtime", ENGINE) != ENGINE:
        raise InputError(
            f"Bundle '{name}' has a conditioned score, which only networks of the engine give, but asks for the "
            f"runtime '{description['runtime']}'; take the entry 'score' out of bundle.json or export the model again."
        )
    outputs = description["network"].get("outputs", 1)
    if outputs != (OUTPUTS if conditioned else 1):
        raise InputError(
            f"In bundle.json of '{name}' the network has {outputs} outputs ('network.outputs'), but a score of the "
            f"kind {'conditioned' if conditioned else 'posterior'} needs {OUTPUTS if conditioned else 1}; export the "
            "model again."
        )
    if conditioned and description["floor"]:
        raise InputError(
            f"Bundle '{name}' has a conditioned score and a floor, which only acts on probabilities; write an empty "
            "'floor' in bundle.json."
        )


def _are_numbers(values, count: int, above: float) -> bool:
    """Tell whether ``values`` is a list of ``count`` finite numbers, each larger than ``above``."""
    plain = isinstance(values, list) and len(values) == count
    numbers = plain and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return bool(numbers) and all(math.isfinite(v) and v > above for v in values)


def check_floor(floor: list, source: str) -> None:
    """Raise InputError unless ``floor`` is [[rho, level], ...]: rho > 0 rising, level in [0, 1] strictly falling."""
    try:
        rho = [float(r) for r, _ in floor]
        level = [float(v) for _, v in floor]
    except (TypeError, ValueError) as error:
        raise InputError(f"The floor in {source} is not a list of [rho, level] pairs.") from error
    rising = all(a < b for a, b in zip(rho, rho[1:])) and all(r > 0 for r in rho)
    falling = all(a > b for a, b in zip(level, level[1:])) and all(0 <= v <= 1 for v in level)
    if not (rising and falling):
        raise InputError(f"The floor in {source} must rise in rho and fall strictly in level.")

"""The Python packages that Slicer lacks: torch through the PyTorch extension, the rest through slicer.packaging."""

import importlib.metadata
import importlib.util
import subprocess

from slicer.i18n import tr as _

# Declined, pip failed, no network, or half an installation.
_FAILURES = (RuntimeError, subprocess.CalledProcessError, ImportError, OSError)


def packageProblem():
    """Return "" when all packages are there, else one sentence. Asks nothing, installs nothing, imports nothing."""
    if not _isThere("torch"):
        return _("PyTorch, which runs the models, is not installed.")
    if not _isWhole("torch"):
        return _("PyTorch, which runs the models, is installed only in part.")
    if not _isThere("safetensors"):
        return _("The Python package safetensors, which reads the models, is not installed.")
    return ""


def ensureInstalled(requirementsPath, repair=False):
    """Offer to install what is missing. Returns "" when all is there, else one sentence saying what to do.

    ``repair``: torch is there but does not work, so it is taken away first. Asks before it installs.
    """
    if repair or not (_isThere("torch") and _isWhole("torch")):
        problem = _installTorch(repair or _isThere("torch"))
        if problem:
            return problem
    if not _isThere("safetensors"):
        try:
            import slicer.packaging

            slicer.packaging.pip_ensure(
                slicer.packaging.load_requirements(requirementsPath), requester=_("Lesion Segmentation")
            )
        except _FAILURES as error:
            return _("A Python package that the model needs is not installed: {reason}").format(reason=str(error))
    return ""


def _isThere(name):
    return importlib.util.find_spec(name) is not None


def _isWhole(name):
    """False after an installation that broke off: a folder without the package's own files, or without a version."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return getattr(importlib.util.find_spec(name), "origin", "") is not None


def _installTorch(repair):
    try:
        import PyTorchUtils
    except ImportError:
        return _("Install the extension PyTorch with the Extensions Manager and restart Slicer, then press Segment.")
    # 2.2 is the newest torch for Slicer on Macs, so the only floor that holds everywhere.
    try:
        utils = PyTorchUtils.PyTorchUtilsLogic()
        if repair:
            utils.uninstallTorch()
        torch = utils.installTorch(askConfirmation=True, torchVersionRequirement=">=2.2")
    except _FAILURES as error:
        return _("PyTorch could not be installed ({reason}); is the computer online?").format(reason=str(error))
    return "" if torch is not None else _("The model needs PyTorch, which is not installed.")

"""The Python packages that Slicer lacks: torch through the PyTorch extension, the rest through slicer.packaging."""

import importlib.util
import subprocess

from slicer.i18n import tr as _

# Declined, pip failed, no network, or half an installation.
_FAILURES = (RuntimeError, subprocess.CalledProcessError, ImportError, OSError)


def ensureInstalled(requirementsPath):
    """Offer to install what is missing. Returns "" when all is there, else one sentence saying what to do.

    Asks before it installs; never called before the user presses Segment.
    """
    if not _isThere("torch"):
        problem = _installTorch()
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


def _installTorch():
    try:
        import PyTorchUtils
    except ImportError:
        return _("Install the extension PyTorch with the Extensions Manager and restart Slicer, then press Segment.")
    # 2.2 is the newest torch for Slicer on Macs, so the only floor that holds everywhere.
    try:
        torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=">=2.2")
    except _FAILURES as error:
        return _("PyTorch could not be installed ({reason}); is the computer online?").format(reason=str(error))
    return "" if torch is not None else _("The model needs PyTorch, which is not installed.")

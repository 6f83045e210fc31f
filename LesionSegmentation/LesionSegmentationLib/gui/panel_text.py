"""What the panel says, as text: no widgets here, so that wording is tested without Qt."""

from slicer.i18n import tr as _

from .balance import weights

NOTHING = "\u2013"


def figureText(value):
    """A precision or recall from 0 to 1, or a dash where it is not defined."""
    return NOTHING if value is None else _("{value:.2f}").format(value=value)


def volumeText(millilitres):
    return _("{volume:.2f} ml").format(volume=millilitres)


def stageText(stage):
    """What the worker is doing."""
    return {
        "read": _("Reading the images"),
        "prepare": _("Preparing the images"),
        "predict": _("Running the model"),
        "restore": _("Returning to the image's grid"),
        "register": _("Laying the two heads on each other"),
        "resample": _("Moving both halfway"),
        "curve": _("Sorting the voxels"),
        "write": _("Handing over the result"),
    }.get(stage, _("Working"))


# Where each stage begins on the progress bar, in percent; about what it takes of a run.
STAGE_STARTS = {"read": 0, "prepare": 5, "predict": 12, "restore": 85, "curve": 90, "write": 97}


def progressPercent(stage, fraction, stageStarts=STAGE_STARTS):
    """The place on the progress bar, 0 to 100, of a fraction of a stage; never falls over a run."""
    starts = [*stageStarts.values(), 100]
    number = list(stageStarts).index(stage) if stage in stageStarts else 0
    return int(starts[number] + (starts[number + 1] - starts[number]) * fraction)


def progressText(stage, secondsLeft, patch=None):
    """What the worker is doing, in which patch ([done, of] or None), and for how long still."""
    doing = stageText(stage)
    if patch is not None and patch[1] > 1:
        doing = _("{stage}, patch {done} of {all}").format(stage=doing, done=patch[0], all=patch[1])
    if secondsLeft is None:
        return _("{stage} ...").format(stage=doing)
    return _("{stage} ... about {seconds:.0f} s left").format(stage=doing, seconds=max(1.0, secondsLeft))


def doneText(seconds, device):
    if seconds is None:
        return _("Done.")
    return _("Done in {seconds} s on {device}. Move the slider to choose what is marked.").format(
        seconds=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}", device=str(device).upper()
    )


def emptyText(highest, firstBalance, smallestMl, smallestMm=0.0, smallestVoxels=0):
    """The sentence for a setting that shows nothing: what the highest probability is, and where a lesion appears.

    ``firstBalance``: the slider position that shows the first lesion, None if none does.
    """
    sizes = [
        _("{volume:.3f} ml").format(volume=smallestMl) if smallestMl > 0 else "",
        _("{length:.1f} mm").format(length=smallestMm) if smallestMm > 0 else "",
        _("{count} voxels").format(count=smallestVoxels) if smallestVoxels > 0 else "",
    ]
    size = _(" and ").join(size for size in sizes if size)
    start = _("No lesion{size} at this setting; the highest probability is {highest:.2f}").format(
        size=_(" of at least {size}").format(size=size) if size else "", highest=highest
    )
    if firstBalance is None:
        return _("{start}, and no position of the slider shows one.").format(start=start)
    return _("{start}: move the slider toward 'fewer missed', the first appears at beta = {beta:.2f}.").format(
        start=start, beta=weights(firstBalance)[1]
    )

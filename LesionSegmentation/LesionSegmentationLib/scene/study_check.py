"""What is wrong or doubtful about a choice of volumes, before a model is run on them."""

from typing import NamedTuple

from slicer.i18n import tr as _

from ..engine.contrast_kinds import KINDS, shows
from ..engine.errors import InputError
from ..engine.study import overlap
from .dicom_identity import dicomIdentity
from .volumes import volumeGeometry, voxelsOf

LEAST_OVERLAP = 0.5  # as the engine's Study


class Findings(NamedTuple):
    """``refusal``: why the study cannot be segmented, "" when it can; ``warnings``: what a person should look at
    first; ``serious``: of those, what needs a yes before the run; ``notes``: what will be done with the volumes.
    """

    refusal: str = ""
    warnings: tuple = ()
    serious: tuple = ()
    notes: tuple = ()

    def refuse(self):
        """Raise InputError where there is a refusal."""
        if self.refusal:
            raise InputError(self.refusal)


class StudyCheck:
    """Checks choices of volumes; what a volume looks like is found out once and kept until its voxels change.

    Example::

        findings = StudyCheck().of({"flair": flairNode, "t1": t1Node}, reference="flair")
        print(findings.refusal or findings.warnings)
    """

    def __init__(self):
        self._looks = {}

    def of(self, nodes, reference):
        """Return the Findings of ``nodes``, {channel: node}; ``reference``: the channel whose grid the result has."""
        nodes = {channel: node for channel, node in nodes.items() if node is not None}
        try:
            return self._checked(nodes, reference)
        except InputError as error:
            return Findings(refusal=str(error))

    def _checked(self, nodes, reference):
        _refuseTwice(nodes)
        looks = {channel: self._looksOf(node) for channel, node in nodes.items()}
        notes = _compareGrids(nodes, reference) if reference in nodes else []
        serious = [
            _("The {slot} volume {name} looks like a {kind} image: check that the right one is chosen.").format(
                slot=channel.upper(), name=nodes[channel].GetName(), kind=KINDS[look]
            )
            for channel, look in looks.items()
            if look is not None and shows(channel) not in (None, look)
        ]
        patients, others = _compareIdentities(nodes, reference) if reference in nodes else ([], [])
        serious = [*patients, *serious]
        return Findings("", (*serious, *others), tuple(serious), tuple(notes))

    def _looksOf(self, node):
        """What a volume looks like, see ``looks_like``; raises InputError when it cannot be an image at all."""
        from ..engine.tissue_contrast import looks_like  # brings scipy, which an empty panel does not need

        image = node.GetImageData()
        stamp = (None if image is None else image.GetMTime(), node.GetMTime())
        known = self._looks.get(node.GetID())
        if known is None or known[0] != stamp:
            try:
                volume = voxelsOf(node)
                known = (stamp, looks_like(volume.array, volume.geometry), "")
            except InputError as error:
                known = (stamp, None, str(error))
            self._looks[node.GetID()] = known
        if known[2]:
            raise InputError(known[2])
        return known[1]


def _refuseTwice(nodes):
    channels = {}
    for channel, node in nodes.items():
        other = channels.setdefault(node.GetID(), channel)
        if other != channel:
            raise InputError(
                _("{name} is chosen as {one} and as {other}; choose another volume for one of them.").format(
                    name=node.GetName(), one=other.upper(), other=channel.upper()
                )
            )


def _compareGrids(nodes, reference):
    """What is resampled; raises InputError where a volume shows too little of the reference's field of view."""
    place, name = volumeGeometry(nodes[reference]), nodes[reference].GetName()
    notes = []
    for channel, node in nodes.items():
        geometry = volumeGeometry(node)
        if channel == reference or geometry.same_grid(place):
            continue
        share = overlap(place, geometry)
        if share < LEAST_OVERLAP:
            raise InputError(
                _(
                    "The {slot} volume {other} covers only {share:.0f}% of the field of view of {name}: choose images"
                    " of one examination, or register them first."
                ).format(slot=channel.upper(), other=node.GetName(), share=100 * share, name=name)
            )
        notes.append(
            _("{other} lies on another grid than {name} and is resampled to it by geometry.").format(
                other=node.GetName(), name=name
            )
        )
    return notes


def _compareIdentities(nodes, reference):
    """Sentences about volumes of other patients, and about those of other examinations or frames of reference."""
    own, name = dicomIdentity(nodes[reference]), nodes[reference].GetName()
    patients, others = [], []
    for channel, node in nodes.items():
        if channel == reference:
            continue
        identity, names = dicomIdentity(node), {"other": node.GetName(), "name": name}
        if _differ(own.patient, identity.patient):
            patients.append(_("{other} and {name} are of different patients (PatientID differs).").format(**names))
            continue
        if _differ(own.study, identity.study):
            others.append(
                _("{other} and {name} are of different examinations (StudyInstanceUID differs).").format(**names)
            )
        if _differ(own.frame, identity.frame):
            others.append(
                _(
                    "{other} and {name} may not be aligned (FrameOfReferenceUID differs): compare them in the views."
                ).format(**names)
            )
    return patients, others


def _differ(one, other):
    return bool(one) and bool(other) and one != other

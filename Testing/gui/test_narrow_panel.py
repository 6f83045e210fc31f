"""The panel on a narrow screen: however long names and sentences are, nothing is cut off, covered or out of reach."""

import itertools
import shutil

import pytest
import slicer

from bright_model import write_bright_model
from gui.conftest import REPOSITORY
from gui.panel_driving import REST, processEvents, segmentAndWait
from gui.screenshots import save
from gui.synthetic_head import addHead

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
SETTLED = 0.1  # seconds after which a changed text has its room
WIDTH = 400  # what the module panel of Slicer leaves on a small screen
NAME = "sub-0123_ses-20261121_acq-3Dsagittal_desc-BrainExtractedBiasCorrected_FLAIR"
SENTENCE = f"{NAME} is a name that people give to their images, and what is to be said of one takes its room."


@pytest.fixture
def longModel(models):
    """A model whose every text is longer than the panel is wide."""
    write_bright_model(
        models / "long",
        title=f"Lesions of {NAME} and of some others",
        task=SENTENCE,
        licence=f"Apache-2.0 ({SENTENCE})",
        calibration={"scale": 1.0, "bias": 0.0, "error": 0.05, "fitted_on": f"14 whole cases, {SENTENCE}"},
    )
    yield
    shutil.rmtree(models / "long")


@pytest.fixture
def full(scene, longModel, module):
    """The widget with a result, all sections open, and shown whatever can be shown, each text as long as it may get."""
    widget = module.pythonWidget()
    widget.parent.resize(WIDTH, 900)
    widget.parent.show()
    ui = widget.panel.ui
    ui.modelSelector.currentIndex = ui.modelSelector.findData("long")
    ui.flairSelector.setCurrentNode(addHead(NAME))
    ui.t1Selector.setCurrentNode(addHead(f"T1 of {NAME}", seed=8))
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None, ui.statusLabel.text
    ui.followUpButton.collapsed = ui.trainPlace.collapsed = False
    processEvents(REST)
    for part in parts(widget.parent):
        part.visible = True
        if part.className() == "QLabel" and part.wordWrap:
            part.text = SENTENCE
    processEvents(SETTLED)
    return widget


@pytest.fixture
def area(widget, ui):
    """The panel with all sections open in a scroll area, as in Slicer."""
    import qt

    ui.followUpButton.collapsed = ui.trainPlace.collapsed = False
    area = qt.QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(widget.parent)
    area.resize(WIDTH + 20, 700)
    area.show()
    processEvents(SETTLED)
    yield area
    widget.parent.setParent(None)  # or it would end with the area


def parts(widget):
    """The widgets of the .ui files, and those made like them."""
    found = [child for child in slicer.util.findChildren(widget) if child.isWidgetType() and child.name]
    return [part for part in found if part.className() != "qMRMLWidget" and not part.name.startswith("qt_")]


def overlaps(widget):
    """Pairs of names of parts that cover each other."""
    families = {}
    for part in parts(widget):
        if part.visible:
            families.setdefault(part.parentWidget(), []).append(part)
    return [
        (one.name, other.name)
        for family in families.values()
        for one, other in itertools.combinations(family, 2)
        if one.geometry.intersects(other.geometry)
    ]


def testNothingNeedsAHorizontalScrollBar(full):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    needed = {part.name: part.minimumSizeHint().width() for part in parts(full.parent)}
    assert full.parent.minimumSizeHint().width() <= WIDTH, sorted(needed.items(), key=lambda item: -item[1])[:12]
    full.parent.resize(WIDTH, full.parent.heightForWidth(WIDTH))
    processEvents(SETTLED)
    save(full.parent, SCREENSHOTS / "panel-narrow.png")
    assert full.parent.width <= WIDTH
    assert overlaps(full.parent) == []
    assert [part.name for part in parts(full.parent) if not part.toolTip.strip()] == []


def testNothingCoversAnything(area, widget, ui, flairNode):
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    section = widget.panel.lesions.ui
    for width in (WIDTH + 20, 700, WIDTH + 20):
        area.resize(width, 700)
        for text in ("", SENTENCE):
            ui.statusLabel.text = section.summaryLabel.text = text
            processEvents(SETTLED)
            assert overlaps(widget.parent) == []
        assert area.horizontalScrollBar().maximum == 0
    area.resize(600, 700)
    processEvents(SETTLED)
    assert section.lesionTable.horizontalScrollBar().maximum == 0


def testNothingMovesUnderTheHand(area, widget, ui):
    """Slider and list stay where they are when sentences above them come and go."""
    table = widget.panel.lesions.ui.lesionTable
    places = set()
    for sentence in (
        "",
        "Short.",
        "No lesion at this setting; the highest probability is 0.31, and no position shows one.",
    ):
        ui.statusLabel.text = widget.panel.lesions.ui.summaryLabel.text = sentence
        processEvents(SETTLED)
        places.add(tuple((part.mapTo(widget.parent, part.rect.topLeft()).y()) for part in (ui.balanceSlider, table)))
    assert len(places) == 1


def testTabGoesThroughThePanelAsTheEyeDoes(area, widget, ui):
    lesions, views = widget.panel.lesions.ui, widget.panel.views.ui
    wanted = [
        *(ui.studyButton, ui.flairSelector, ui.modelButton, ui.modelSelector, ui.segmentButton),
        *(ui.operatingPointButton, ui.balanceSlider, ui.strictButton, ui.undoButton),
        *(ui.lesionsButton, lesions.lesionTable, lesions.noteEdit, lesions.keepButton, lesions.tableButton),
        *(ui.viewsButton, views.readingButton, ui.followUpButton, widget.panel.followUp.ui.compareButton),
        *(ui.trainPlace, ui.casesButton, ui.exportModelButton),
    ]
    chain, part = [], ui.studyButton
    while not chain or part != ui.studyButton:
        chain.append(part)
        part = part.nextInFocusChain()
    places = [next(n for n, one in enumerate(chain) if one == part or part.isAncestorOf(one)) for part in wanted]
    assert places == sorted(places)

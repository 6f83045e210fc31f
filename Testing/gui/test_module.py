"""The module file as Slicer sees it: metadata, self test, scripted use, reload, and the rules for the .ui."""

import ast
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from gui.conftest import MODULE_FILE
from gui.panel_driving import shownMask
from gui.synthetic_head import addHead

UI_FILES = sorted((MODULE_FILE.parent / "Resources" / "UI").glob("*.ui"))
LIBRARY = MODULE_FILE.parent / "LesionSegmentationLib"
GUI_FILES = sorted([*LIBRARY.glob("gui/*.py"), *LIBRARY.glob("logic/*.py")])
LAYOUT_ONLY = {"qMRMLWidget"}


def uiWidgets():
    elements = [element for file in UI_FILES for element in ElementTree.parse(file).iter("widget")]
    return [element for element in elements if element.get("class") not in LAYOUT_ONLY]


@pytest.mark.parametrize("element", uiWidgets(), ids=lambda element: element.get("name"))
def testEveryWidgetHasATooltip(element):
    tips = [p.findtext("string") for p in element.findall("property") if p.get("name") == "toolTip"]
    assert tips and tips[0].strip(), f"{element.get('name')} has no tooltip"


def untranslated(file):
    """What looks like a sentence in a file and is not given to ``_``, and what is given to it and is no plain text."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    fine, wrong = set(), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            fine.add(node.body[0].value)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("_", "translate"):
                wrong += [ast.unparse(text) for text in node.args if not isinstance(text, ast.Constant)]
            if name in ("_", "translate") or name.startswith("logging."):
                fine.update(node.args)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return wrong + [text.value for text in texts if text not in fine and " " in text.value.strip()]


@pytest.mark.parametrize("file", GUI_FILES, ids=lambda file: file.name)
def testEverySentenceOfThePanelCanBeTranslated(file):
    engineStates = {"undecided (merged)"}
    assert set(untranslated(file)) <= engineStates


def testBoundParametersExist(module):
    bound = {
        p.findtext("string")
        for element in uiWidgets()
        for p in element.findall("property")
        if p.get("name") == "SlicerParameterName"
    }
    assert bound <= set(module.module.LesionSegmentationParameterNode._members)


def testMetadata(module):
    parent = module.metadata.parent
    assert parent.title == "Lesion Segmentation"
    assert parent.categories == ["Segmentation"]
    assert "not a medical device" in parent.helpText


def testResearchUseIsAlwaysVisible(ui):
    assert ui.researchUseLabel.visible
    for button in (ui.studyButton, ui.operatingPointButton, ui.lesionsButton):
        button.collapsed = True
    assert ui.researchUseLabel.visible
    assert "not a medical device" in ui.researchUseLabel.text


def testFileScopeImportsNothingHeavy():
    """Slicer runs every module file at start-up."""
    code = (
        "import sys; sys.path.insert(0, {testing!r})\n"
        "from slicer_stand_ins.application import bootApplication, loadModule\n"
        "bootApplication(); before = set(sys.modules); loadModule({module!r})\n"
        "new = set(sys.modules) - before\n"
        "heavy = {{n.split('.')[0] for n in new}} & {{'torch', 'scipy', 'SimpleITK'}}\n"
        "heavy |= {{n for n in new if n.startswith('LesionSegmentationLib.') and '.logic' not in n}}\n"
        "assert not heavy, heavy\n"
    ).format(testing=str(MODULE_FILE.parents[1] / "Testing"), module=str(MODULE_FILE))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def testOpeningThePanelNeedsNoTorch():
    code = (
        "import sys; sys.path.insert(0, {testing!r}); sys.modules['torch'] = None\n"
        "from slicer_stand_ins.application import bootApplication, loadModule\n"
        "bootApplication(); loadModule({module!r}).pythonWidget()\n"
        "from slicer_stand_ins import qt_signals; assert not qt_signals.ERRORS, qt_signals.ERRORS\n"
    ).format(testing=str(MODULE_FILE.parents[1] / "Testing"), module=str(MODULE_FILE))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def testReloadReadsThePackageAgain(widget, module):
    from slicer_stand_ins.application import loadModule

    kept = {name: value for name, value in sys.modules.items() if name.partition(".")[0] == "LesionSegmentationLib"}
    assert "LesionSegmentationLib.gui.panel" in kept
    try:
        loadModule(MODULE_FILE)
        assert "LesionSegmentationLib.gui.panel" not in sys.modules
    finally:
        sys.modules.update(kept)


def testSelfTest(module):
    module.module.LesionSegmentationTest().runTest()


class TestScripted:
    """``logic.process``: the same code as the button."""

    @pytest.fixture
    def logic(self, module):
        logic = module.module.LesionSegmentationLogic()
        yield logic
        logic.close()

    def testProcessGivesAResultToSlide(self, logic, flairNode):
        result = logic.process(flairNode, model="bright", alpha=0.3, beta=0.7)
        assert result.lesions.point.beta == pytest.approx(0.7)
        assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())
        small = result.show(0.9, 0.1).mask()
        large = result.show(0.1, 0.9).mask()
        assert (small <= large).all() and small.sum() < large.sum()

    def testWithoutWaitingARunComesBack(self, logic, flairNode):
        run = logic.process(flairNode, waitForCompletion=False)
        assert run.state == "running"
        run.abandon()

    def testBadInputIsAnInputError(self, logic, scene):
        with pytest.raises(ValueError, match="FLAIR"):
            logic.process(None)
        with pytest.raises(ValueError):
            logic.process(addHead("constant", constant=True))

    def testUnknownModelIsAnInputError(self, logic, flairNode):
        with pytest.raises(ValueError, match="no-such-model"):
            logic.process(flairNode, model="no-such-model")

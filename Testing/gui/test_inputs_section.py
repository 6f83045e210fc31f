"""Inputs: selectors that know their grids, other grids, other patients, wrong contrasts, channels of the bundle."""

import numpy as np
import pytest
import slicer
import vtk

from bright_model import bright_description, write_bright_model
from gui.panel_driving import click, processEvents, segmentAndWait, shownMask, waitUntil
from gui.synthetic_head import addHead


@pytest.fixture
def questions(monkeypatch):
    """The confirmations that were asked for; they are declined while ``answer`` is False."""

    class Questions(list):
        answer = False

    asked = Questions()
    monkeypatch.setattr(
        slicer.util, "confirmYesNoDisplay", lambda text, **options: asked.append(text) or asked.answer, raising=False
    )
    return asked


def place(node, patient="", study="", frame=""):
    """Put a node where DICOM import would have put it."""
    names = slicer.vtkMRMLSubjectHierarchyConstants
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patientItem = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    hierarchy.SetItemAttribute(patientItem, names.GetDICOMPatientIDAttributeName(), patient)
    studyItem = hierarchy.CreateStudyItem(patientItem, "study")
    hierarchy.SetItemUID(studyItem, names.GetDICOMUIDName(), study)
    item = hierarchy.GetItemByDataNode(node)
    hierarchy.SetItemParent(item, studyItem)
    hierarchy.SetItemAttribute(item, names.GetDICOMFrameOfReferenceUIDAttributeName(), frame)


def move(node, millimetres):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    matrix.SetElement(2, 3, matrix.GetElement(2, 3) + millimetres)
    node.SetIJKToRASMatrix(matrix)


def choose(ui, **nodes):
    """Choose volumes by channel."""
    for channel, node in nodes.items():
        getattr(ui, f"{channel}Selector").setCurrentNode(node)
    processEvents()


def chooseModel(ui, name):
    ui.modelSelector.currentIndex = ui.modelSelector.findData(name)
    processEvents()


@pytest.fixture
def t1Node(flairNode):
    return addHead("T1w", seed=8)


def testVolumesAreFoundByTheirDicomDescription(scene, module):
    node = addHead("5: unnamed")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(node), "DICOM.SeriesDescription", "t2_tirm_FLAIR_tra")
    assert module.pythonWidget().panel.ui.flairSelector.currentNode() is node


def testTheTooltipTellsTheGrid(widget, ui, flairNode):
    before = ui.flairSelector.toolTip
    choose(ui, flair=flairNode)
    tip = ui.flairSelector.toolTip
    assert "56 x 50 x 44 voxels" in tip and "1.00 x 1.10 x 1.20 mm" in tip
    assert "axial slices, RAS, oblique by 8 degrees" in tip
    assert "Field of view: 56 x 55 x 53 mm" in tip
    choose(ui, flair=None)
    assert ui.flairSelector.toolTip == before


def testAnotherGridIsAcceptedAndSaid(widget, ui, flairNode, t1Node):
    move(t1Node, 3)
    choose(ui, flair=flairNode, t1=t1Node)
    said = "T1w lies on another grid than FLAIR and"
    assert ui.inputsMessageLabel.visible and said in ui.inputsMessageLabel.text
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None
    assert ui.runNotesLabel.visible and said in ui.runNotesLabel.text


def testVolumesOfOtherPlacesAreRefusedBeforeTheRun(widget, ui, flairNode, t1Node):
    move(t1Node, 200)
    choose(ui, flair=flairNode, t1=t1Node)
    assert not ui.segmentButton.enabled
    assert ui.statusLabel.text.startswith("The T1 volume T1w covers only 0% of the field of view of FLAIR")
    assert ui.segmentButton.toolTip == ui.statusLabel.text
    move(t1Node, -200)
    processEvents()
    choose(ui, t1=None)
    assert ui.segmentButton.enabled and ui.statusLabel.text == ""


def testTheResultLiesOnTheChosenGrid(widget, ui, flairNode, t1Node):
    t1Node.SetSpacing(1.1, 1.1, 1.2)
    choose(ui, flair=flairNode)
    assert not ui.referenceSelector.visible
    choose(ui, t1=t1Node)
    assert ui.referenceSelector.visible
    assert [ui.referenceSelector.itemText(n) for n in range(2)] == ["FLAIR (FLAIR)", "T1 (T1w)"]
    assert ui.referenceSelector.currentData == "flair"
    ui.referenceSelector.currentIndex = 1
    ui.referenceSelector.activated.emit(1)
    processEvents()
    segmentAndWait(ui, widget)
    result = widget.panel.operatingPoint.result
    assert result is not None, ui.statusLabel.text
    np.testing.assert_allclose(result.probabilityMap.geometry.spacing, (1.1, 1.1, 1.2))
    assert result.probabilityMap.provenance["reference"] == "t1"
    assert np.array_equal(shownMask(result, t1Node), result.lesions.mask())
    choose(ui, t1=None)
    assert widget.panel.inputs.reference() == "flair"


def testAnotherPatientNeedsAYes(widget, ui, flairNode, t1Node, questions):
    place(flairNode, "one", "1.2", "1")
    place(t1Node, "two", "1.3", "2")
    choose(ui, flair=flairNode, t1=t1Node)
    warning = "T1w and FLAIR are of different patients (PatientID differs)."
    assert ui.inputsMessageLabel.text == f"Warning: {warning}"
    assert ui.segmentButton.enabled
    click(ui.segmentButton)
    assert not widget.panel.running
    assert len(questions) == 1 and warning in questions[0]
    questions.answer = True
    for _ in range(2):
        segmentAndWait(ui, widget)
        assert widget.panel.operatingPoint.result is not None
    assert len(questions) == 2  # not again for the same choice


def testAnotherExaminationIsSaidWithoutAQuestion(widget, ui, flairNode, t1Node, questions):
    place(flairNode, "one", "1.2", "1")
    place(t1Node, "one", "1.3", "2")
    choose(ui, flair=flairNode, t1=t1Node)
    assert "StudyInstanceUID" in ui.inputsMessageLabel.text and "FrameOfReferenceUID" in ui.inputsMessageLabel.text
    segmentAndWait(ui, widget)
    assert questions == []


def testAWrongContrastNeedsAYes(widget, ui, flairNode, questions, monkeypatch):
    from LesionSegmentationLib.engine import tissue_contrast

    monkeypatch.setattr(tissue_contrast, "looks_like", lambda array, geometry: "t1")
    choose(ui, flair=flairNode)
    warning = "The FLAIR volume FLAIR looks like a T1 image: check that the right one is chosen."
    assert warning in ui.inputsMessageLabel.text
    click(ui.segmentButton)
    assert len(questions) == 1 and warning in questions[0]
    assert not widget.panel.running


def testAMapOfManyLabelsIsRefused(widget, ui, scene):
    labels = addHead("aseg")
    array = slicer.util.arrayFromVolume(labels)
    array[:] = (np.indices(array.shape) // 12 * np.array([25, 5, 1]).reshape(3, 1, 1, 1)).sum(0)
    assert np.unique(array).size > 30
    slicer.util.arrayFromVolumeModified(labels)
    choose(ui, flair=labels)
    assert not ui.segmentButton.enabled
    assert "aseg looks like a map of labelled structures, not an image" in ui.statusLabel.text


@pytest.fixture
def threeChannels(models):
    """A model of channels that no .ui knows, t1c required and ct not, beside t1."""
    import shutil

    channels = [{"name": name, "required": name == "t1c"} for name in ("t1c", "t1", "ct")]
    network = {**bright_description()["network"], "in_channels": 3}
    write_bright_model(models / "three", channels=channels, network=network, title="Three channels")
    yield
    shutil.rmtree(models / "three")


def testChannelsOfTheBundleGetSelectors(scene, threeChannels, module):
    enhanced = addHead("ax T1 post Gd")
    widget = module.pythonWidget()
    widget.parent.show()
    ui = widget.panel.ui
    chooseModel(ui, "three")
    assert ui.t1cSelector.visible and ui.ctSelector.visible and ui.t1Selector.visible
    assert not ui.flairSelector.visible and not ui.t2Selector.visible
    assert ui.t1cSelector.currentNode() is enhanced  # by its name
    assert ui.ctSelector.currentNode() is None
    assert ui.segmentButton.enabled
    assert "T1C" in ui.t1cSelector.toolTip or "voxels" in ui.t1cSelector.toolTip
    choose(ui, t1c=None)
    assert ui.statusLabel.text == "Choose the T1C volume to segment."
    ui.t1cSelector.setCurrentNode(enhanced)
    widget.exit()
    widget.enter()
    processEvents()
    assert ui.t1cSelector.currentNode() is enhanced
    assert list(widget.panel.inputs.nodes()) == ["t1c"]
    chooseModel(ui, "bright")
    assert not ui.t1cSelector.visible and ui.flairSelector.visible


def testAClosedSceneEmptiesTheNewSelectorsToo(scene, threeChannels, module):
    ui = module.pythonWidget().panel.ui
    chooseModel(ui, "three")
    choose(ui, t1c=addHead("any"))
    scene.Clear(False)
    processEvents()
    assert ui.t1cSelector.currentNode() is None
    chooseModel(ui, "three")
    assert ui.statusLabel.text == "Choose the T1C volume to segment."


def testWhatIsLoadedLaterIsChosenByItsName(widget, ui, scene):
    assert ui.flairSelector.currentNode() is None
    flair = addHead("FLAIR")
    processEvents()
    assert ui.flairSelector.currentNode() is flair
    t1 = addHead("sag MPRAGE", seed=8)
    processEvents()
    assert ui.t1Selector.currentNode() is t1 and ui.flairSelector.currentNode() is flair
    scene.Clear(False)
    processEvents()
    following = addHead("FLAIR of the next patient")
    processEvents()
    assert ui.flairSelector.currentNode() is following and ui.t1Selector.currentNode() is None


def testNothingSlipsInOnceSomebodyChoseOrSegmented(widget, ui, scene):
    flair = addHead("FLAIR")
    processEvents()
    first = addHead("sag MPRAGE", seed=8)
    processEvents()
    choose(ui, t1=None)
    addHead("ax T2", seed=9)
    processEvents()
    assert ui.t1Selector.currentNode() is None and ui.t2Selector.currentNode() is None
    scene.RemoveNode(first)
    scene.Clear(False)
    flair = addHead("FLAIR")
    processEvents()
    segmentAndWait(ui, widget)
    addHead("T1 of the next patient", seed=8)
    widget.exit()
    widget.enter()
    processEvents()
    assert ui.flairSelector.currentNode() is flair and ui.t1Selector.currentNode() is None


class TestScripted:
    @pytest.fixture
    def logic(self, module):
        logic = module.module.LesionSegmentationLogic()
        yield logic
        logic.close()

    def testVolumesAreGuessed(self, logic, flairNode):
        t1 = addHead("sag MPRAGE", seed=8)
        assert logic.guessVolumes() == {"flair": flairNode, "t1": t1}

    def testTheSameVolumeTwiceIsRefused(self, logic, flairNode):
        assert "is chosen as" in logic.checkStudy({"flair": flairNode, "t1": flairNode}).refusal
        with pytest.raises(ValueError, match="is chosen as FLAIR and as T1"):
            logic.process(flairNode, flairNode)

    def testOtherChannelsAndReference(self, logic, flairNode, t1Node, threeChannels, caplog):
        move(t1Node, 3)
        place(flairNode, "one")
        place(t1Node, "two")
        run = logic.process(
            None, t1Node, otherNodes={"t1c": flairNode}, model="three", reference="t1", waitForCompletion=False
        )
        assert run.referenceNode is t1Node
        assert "of different patients" in caplog.text
        run.abandon()
        with pytest.raises(ValueError, match="Choose the T1C volume"):
            logic.process(None, t1Node, model="three")

    def testTheProvenanceNamesTheVolumes(self, logic, flairNode):
        result = logic.process(flairNode, model="bright")
        assert result.probabilityMap.provenance["inputs"]["flair"]["name"] == "FLAIR"

    def testTwoRunsDoNotTakeEachOthersEvents(self, logic, flairNode):
        first = logic.process(flairNode, model="bright", waitForCompletion=False)
        second = logic.process(flairNode, model="bright", waitForCompletion=False)

        def ended(run):
            run.poll()
            return run.state != "running"

        waitUntil(lambda: ended(second), "the second run")
        waitUntil(lambda: ended(first), "the first run")
        assert (first.state, second.state) == ("done", "done")

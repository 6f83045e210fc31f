"""Models: installed, removed, checked, trained."""

import slicer


class Modelling:
    """The models of this computer, and new ones. Mixed into LesionSegmentationLogic."""

    def models(self):
        """Return the installed models: ModelChoice objects with name, title, channels, calibration, licence."""
        from ..gui.model_choice import installedModels

        return installedModels()

    def installModel(self, path):
        """Install the bundle in a zip archive or folder for this user; raises InputError, see install_bundle."""
        from ..engine.bundle_installation import install_bundle

        return install_bundle(path)

    def removeModel(self, name):
        """Remove a model that this user installed; raises InputError for any other."""
        from ..engine.bundle_installation import remove_bundle

        remove_bundle(name)

    def verifyModel(self, name):
        """Return a sentence when a model has the checksum it states; raises InputError when it is damaged."""
        from ..gui.model_choice import verifiedModel

        return verifiedModel(name)

    def addTrainingCase(self, table, nodes, segmentationNode, patient, split=""):
        """Write a case of the scene beside a case table and a row to it; returns its id. See addTrainingCase."""
        from ..scene.training_case import addTrainingCase

        return addTrainingCase(table, nodes, segmentationNode, patient, split)

    def train(self, settings, waitForCompletion=True):
        """Prepare cases and fit a network to them, or go on with the run in the folder; returns the TrainingJob.

        ``settings``: TrainingSettings. Poll the job when not waiting for it. Raises InputError for settings that
        cannot be used; a job that fails says why in its ``error``.
        """
        from ..engine.training_job import TrainingJob

        job = TrainingJob(settings, self._environmentOf(settings.python))
        if waitForCompletion:
            job.wait(slicer.app.processEvents)
        return job

    def exportModel(self, run, about, python="", waitForCompletion=True):
        """Make a calibrated bundle of a run and install it; returns the ExportJob. ``about``: {"name": ..., ...}."""
        from ..engine.training_job import ExportJob

        job = ExportJob(run, about, python, environment=self._environmentOf(python))
        if waitForCompletion:
            job.wait(slicer.app.processEvents)
        return job

    @staticmethod
    def _environmentOf(python):
        """Variables for another Python than Slicer's, which Slicer's own would lead astray; None for Slicer's."""
        return slicer.util.startupEnvironment() if python else None

"""The synthetic sample patient in Slicer's module Sample Data."""

import os

# REPOSITORY-OWNER is the placeholder of this repository's owner.
SOURCE = "https://raw.githubusercontent.com/REPOSITORY-OWNER/SlicerLesionSegmentation/main/Resources/SamplePatient/"
CATEGORY = "Lesion Segmentation"
# File of the repository: its SHA256, the name of its node, what Slicer reads it as.
FILES = {
    "flair.nii.gz": ("db7c3ac68c796c5c37977698e180989eb9deda86498f3e36949e7e05aafe0f97", "Sample FLAIR", "VolumeFile"),
    "t1.nii.gz": ("3960f8d74c8a87738104b2c0feac008ab6c81248b8b1aaa87b83b85bae083a10", "Sample T1", "VolumeFile"),
    "mask.nii.gz": (
        "67e325ffd926d8876235323ae0c5ad90e8bd2f74fe508f50d4fb866283cf6c69",
        "Sample true lesions",
        "SegmentationFile",
    ),
}
SAMPLES = {
    "SyntheticPatient": ("flair.nii.gz", "t1.nii.gz"),
    "SyntheticPatientTrueLesions": ("flair.nii.gz", "t1.nii.gz", "mask.nii.gz"),
}


def registerSamplePatient(iconFolder):
    """Offer the samples in the module Sample Data; nothing is downloaded before somebody chooses one.

    ``iconFolder``: where their thumbnails lie, each named after its sample. A download whose checksum differs is
    refused by Slicer. Nothing happens in an application without that module.
    """
    try:
        from SampleData import SampleDataLogic
    except ImportError:
        return
    for sample, files in SAMPLES.items():
        checksums, names, types = zip(*(FILES[file] for file in files))
        SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=sample,
            thumbnailFileName=os.path.join(iconFolder, f"{sample}.png"),
            uris=[SOURCE + file for file in files],
            fileNames=[f"LesionSegmentation-sample-{file}" for file in files],  # the folder of downloads is shared
            nodeNames=list(names),
            checksums=[f"SHA256:{checksum}" for checksum in checksums],
            loadFileTypes=list(types),
        )

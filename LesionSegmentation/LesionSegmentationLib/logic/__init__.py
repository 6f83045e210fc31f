"""What the module offers to scripts, by area; LesionSegmentationLogic is all of it."""

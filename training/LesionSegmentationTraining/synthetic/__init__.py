"""Synthetic patients: images of any contrast with exact lesion masks, from label maps and drawn lesions."""

"""Ring 1: from image files to lesions, and nothing of Slicer.

Rules: imports torch, numpy, scipy, SimpleITK and safetensors only. Arrays are indexed [i, j, k] and C-contiguous;
affines map voxel (i, j, k) to RAS in mm; only numpy arrays cross the borders of the ring, and bridge.py alone
converts between numpy and torch. Wrong input is an errors.InputError of one sentence. PEP 8 names.
"""

"""From a checkpoint to a bundle that the engine loads: calibrate, choose the floor, measure, describe, write."""

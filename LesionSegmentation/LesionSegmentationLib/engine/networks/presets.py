"""Settings of networks as they were published, by name: data, no code.

A preset is used like a network, ``{"name": "fc_densenet_hashemi", "in_channels": 4}``; what else is given replaces the
preset's own value.
"""

from __future__ import annotations

PRESETS = {
    # Hashemi et al. 2019, section III: growth 12, four layers a block, eleven blocks (five a path and the bottleneck).
    "fc_densenet_hashemi": {
        "name": "fc_densenet",
        "growth": 12,
        "layers": 4,
        "blocks": 5,
        "compression": 0.5,
        "dropout": 0.2,
    },
    # The settings of the code that the same group released in 2019.
    "fc_densenet_released": {
        "name": "fc_densenet",
        "growth": 16,
        "layers": 5,
        "blocks": 5,
        "compression": 0.5,
        "dropout": 0.2,
        "first_features": 48,
    },
    # Shirokikh et al. 2020: up-sampling with the corners aligned, as in their code.
    "additive_unet_shirokikh": {"name": "additive_unet", "features": [16, 64, 128, 256], "align_corners": True},
}

"""A runtime for tests, without any foreign library: a network of the engine behind the same door as MONAI's.

It is started like any other adapter. A patch whose first value is 666 makes it fail inside, 777 makes it die.
"""

import os
import sys

from LesionSegmentationLib.adapters.network_server import serve
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import build_network


def load(model, network, weights):
    print("what a library prints must not disturb")
    if network.get("refuse"):
        raise InputError(f"The model '{model}' is refused.")
    if network.get("die"):
        sys.exit("no such library")
    built = build_network({**network, "name": network["name"].removeprefix("standin.")}).eval()
    forward = built.forward

    def behave(patch):
        first = patch.flatten()[0].item()
        if first == 666:
            raise RuntimeError("the beast\nis here")
        if first == 777:
            os._exit(7)
        return forward(patch)

    built.forward = behave
    for parameter in built.parameters():
        parameter.data.fill_(0.5)
    return built, {"standin": "1.0"}


if __name__ == "__main__":
    serve(load)

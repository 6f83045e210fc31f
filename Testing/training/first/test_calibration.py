import numpy as np

from LesionSegmentationTraining.first.calibration import calibration_error, choose_floor, fit_scale_and_bias


def drawn(seed, scale, bias, size=(60, 60, 60)):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-4, 3, size).astype(np.float32)
    p = 1 / (1 + np.exp(-(scale * logits + bias)))
    return logits, (rng.random(size) < p).astype(np.uint8), p


def test_scale_and_bias_are_found_again():
    pairs = [drawn(seed, 0.7, -1.2)[:2] for seed in range(3)]
    scale, bias = fit_scale_and_bias([x for x, _ in pairs], [y for _, y in pairs])
    assert abs(scale - 0.7) < 0.03
    assert abs(bias + 1.2) < 0.06


def test_true_probabilities_have_no_calibration_error():
    _, mask, p = drawn(5, 1.0, 0.0)
    assert calibration_error([p], [mask]) < 0.01
    assert calibration_error([np.sqrt(p)], [mask]) > 0.05


def test_the_floor_empties_lesion_free_images_and_falls():
    rng = np.random.default_rng(0)
    free = [rng.beta(0.3, 20, (40, 40, 40)).astype(np.float32) for _ in range(3)]
    floor = choose_floor(free, allowed_ml=0.02)
    levels = dict(map(tuple, floor))
    assert all((p > levels[1.0]).sum() <= 20 for p in free)
    rho, level = np.array(floor).T
    assert (np.diff(rho) > 0).all() and (np.diff(level) < 0).all() and (level >= 0).all()


def test_without_lesion_free_images_the_floor_is_nothing():
    assert choose_floor([]) == [[round(0.1 / 0.9, 6), 0.0]]

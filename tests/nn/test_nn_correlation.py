"""The correlation of a map with a label whose gain is not known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from histo.nn.correlation import correlation_loss  # noqa: E402


@pytest.fixture
def label():
    torch.manual_seed(0)
    blobs = torch.nn.functional.avg_pool2d(torch.rand(2, 1, 80, 80), 9, 1, 4)
    return ((blobs - 0.4) * 5).clamp(0, 1)


def logits_of(probability):
    return torch.logit(probability.clamp(1e-4, 1 - 1e-4))


def loss(probability, label, weight=None, sigma_px=2.0):
    weight = torch.ones_like(label) if weight is None else weight
    return float(correlation_loss(logits_of(probability), label, weight, sigma_px=sigma_px))


def test_the_label_itself_costs_nothing(label):
    assert loss(label, label) < 0.01


def test_the_gain_of_a_label_does_not_matter(label):
    assert loss(label, 0.3 * label) == pytest.approx(loss(label, label), abs=0.01)


def test_the_opposite_costs_two(label):
    assert loss(1 - label, label) > 1.97


def test_it_is_one_minus_pearsons_r_of_smoothed_maps(label):
    """Against SciPy's Gaussian and NumPy's coefficient, away from borders that pad otherwise."""
    from scipy import ndimage

    torch.manual_seed(1)
    found = (0.6 * label + 0.4 * torch.rand_like(label)).clamp(0, 1)
    expected = []
    for one, other in zip(found[:, 0].numpy(), label[:, 0].numpy(), strict=True):
        full = ndimage.gaussian_filter(np.ones_like(one), 2.0, mode="constant", truncate=3.0)
        smooth = [
            ndimage.gaussian_filter(plane, 2.0, mode="constant", truncate=3.0) / full
            for plane in (one, other)
        ]
        expected.append(1 - np.corrcoef(smooth[0].ravel(), smooth[1].ravel())[0, 1])
    assert loss(found, label) == pytest.approx(np.mean(expected), abs=0.005)


def test_what_is_unknown_changes_nothing(label):
    weight = torch.ones_like(label)
    weight[..., 40:] = 0.2
    other = label.clone()
    other[..., 40:] = torch.rand(2, 1, 80, 40)
    found = (0.5 * label + 0.2).clamp(0, 1)
    assert loss(found, other, weight) == pytest.approx(loss(found, label, weight), abs=1e-6)


def test_flat_or_unknown_labels_teach_nothing(label):
    for target, weight in ((label * 0 + 0.5, label * 0 + 1), (label, label * 0)):
        logits = logits_of(label).requires_grad_()
        value = correlation_loss(logits, target, weight, sigma_px=2.0)
        value.backward()
        assert value.item() == pytest.approx(0.0, abs=1e-3)
        assert float(logits.grad.abs().max()) < 1e-5


def test_learning_by_it_finds_the_label(label):
    logits = torch.zeros_like(label, requires_grad=True)
    torch.nn.init.normal_(logits, 0, 0.1)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(30):
        optimiser.zero_grad()
        value = correlation_loss(logits, label, torch.ones_like(label), sigma_px=2.0)
        value.backward()
        optimiser.step()
    assert value.item() < 0.1

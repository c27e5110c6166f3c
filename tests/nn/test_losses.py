"""What a sample does not know teaches nothing, and a displaced label costs nothing."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from histo.nn.losses import (  # noqa: E402
    LossSettings,
    combined,
    masked_bce,
    masked_dice,
    masked_focal,
    shift_tolerant,
)

REACH_PX = 2


def shifted_bce(logits, target, weight):
    return shift_tolerant(logits, target, weight, reach_px=REACH_PX)


LOSSES = [masked_bce, masked_dice, masked_focal, shifted_bce]


@pytest.fixture
def sample():
    """Logits that ask for a gradient, a soft target, and a weight with an unknown quarter."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, 16, 20), generator=draw).requires_grad_()
    target = torch.rand((2, 3, 16, 20), generator=draw)
    weight = torch.ones((2, 3, 16, 20))
    weight[:, :, :8, :10] = 0
    return logits, target, weight


def test_cross_entropy_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]]]])
    target = torch.tensor([[[[1.0, 0.0]]]])
    everything, first = torch.ones_like(logits), torch.tensor([[[[1.0, 0.0]]]])
    cost = [np.log(2), np.log(1 + np.e**2)]
    assert masked_bce(logits, target, everything).item() == pytest.approx(np.mean(cost))
    assert masked_bce(logits, target, first).item() == pytest.approx(cost[0])


def test_a_weight_is_a_share_of_the_mean():
    logits = torch.tensor([[[[0.0, 2.0]]]])
    target = torch.zeros_like(logits)
    weight = torch.tensor([[[[3.0, 1.0]]]])
    expected = (3 * np.log(2) + np.log(1 + np.e**2)) / 4
    assert masked_bce(logits, target, weight).item() == pytest.approx(expected)


def test_dice_by_hand():
    logits = torch.tensor([[[[0.0, 0.0, 50.0]]]])
    target = torch.tensor([[[[1.0, 0.0, 1.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 0.0]]]])
    overlap, total = 0.5, 0.25 + 0.25 + 1
    expected = 1 - (2 * overlap + 1) / (total + 1)
    assert masked_dice(logits, target, weight).item() == pytest.approx(expected)


def test_dice_of_a_perfect_map_is_nothing():
    target = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    logits = (target * 2 - 1) * 50
    assert masked_dice(logits, target, torch.ones_like(target)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sample_that_knows_nothing_costs_nothing_and_teaches_nothing(loss, sample):
    logits, target, weight = sample
    weight[1] = 0
    cost = loss(logits, target, weight)
    cost.sum().backward()
    assert cost.shape == (2,)
    assert cost[1].item() == pytest.approx(0, abs=1e-6)
    assert logits.grad[1].abs().max() == 0
    assert logits.grad[0].abs().max() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_under_the_mask_changes_the_cost(loss, sample):
    logits, target, weight = sample
    unknown = weight == 0
    before = loss(logits, target, weight)
    other_logits = torch.where(unknown, -7.0, logits.detach())
    other_target = torch.where(unknown, 1 - target, target)
    torch.testing.assert_close(loss(other_logits, target, weight), before.detach())
    torch.testing.assert_close(loss(other_logits, other_target, weight), before.detach())


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_under_the_mask_is_zero_and_finite_elsewhere(loss, sample):
    logits, target, weight = sample
    loss(logits, target, weight).sum().backward()
    assert logits.grad[weight == 0].abs().max() == 0
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[:, :, 11:13, 13:17].abs().min() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_certain_and_wrong_is_finite(loss, sample):
    _, target, weight = sample
    logits = ((target < 0.5).float() * 2 - 1).mul(1e4).requires_grad_()
    cost = loss(logits, target.round(), weight)
    cost.sum().backward()
    assert torch.isfinite(cost).all()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_samples_do_not_mix(loss, sample):
    logits, target, weight = sample
    together = loss(logits, target, weight)
    apart = [loss(logits[i : i + 1], target[i : i + 1], weight[i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(together, torch.cat(apart))


@pytest.mark.parametrize("loss", LOSSES)
def test_half_a_turn_changes_nothing(loss, sample):
    turned = [values.flip(2, 3) for values in sample]
    torch.testing.assert_close(loss(*turned), loss(*sample))


def test_no_reach_is_plain_cross_entropy(sample):
    torch.testing.assert_close(shift_tolerant(*sample, reach_px=0), masked_bce(*sample))


def fibres(size_px=64):
    """A map of stripes, and logits that are certain of them."""
    rows, cols = np.mgrid[:size_px, :size_px]
    stripes = (np.sin(rows / 3 + cols / 5) > 0.3).astype(np.float32)
    target = torch.from_numpy(stripes)[None, None]
    return (target * 2 - 1) * 6, target, torch.ones_like(target)


@pytest.mark.parametrize("shift", [(REACH_PX, 0), (0, -REACH_PX), (-REACH_PX, REACH_PX)])
def test_a_label_displaced_by_the_reach_costs_as_much_as_one_in_place(shift):
    logits, target, weight = fibres()
    displaced = torch.roll(target, shift, dims=(2, 3))
    in_place = shifted_bce(logits, target, weight).item()
    assert shifted_bce(logits, displaced, weight).item() == pytest.approx(in_place, abs=1e-3)
    assert masked_bce(logits, displaced, weight).item() > in_place + 0.5


def test_a_label_displaced_further_does_cost():
    logits, target, weight = fibres()
    displaced = torch.roll(target, 3 * REACH_PX, dims=2)
    cost = shifted_bce(logits, displaced, weight) - shifted_bce(logits, target, weight)
    assert cost.item() > 0.5


def test_forgiving_is_bounded_by_the_best_shift():
    """The soft minimum lies between the best shift's cost and log(9) / 100 above it."""
    logits, target, weight = fibres()
    size = target.shape[2] - 2 * REACH_PX
    inner = (slice(None), slice(None), slice(REACH_PX, -REACH_PX), slice(REACH_PX, -REACH_PX))
    noisy = logits + torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    costs = [
        masked_bce(noisy[inner], target[:, :, r : r + size, c : c + size], weight[inner]).item()
        for r in (0, REACH_PX, 2 * REACH_PX)
        for c in (0, REACH_PX, 2 * REACH_PX)
    ]
    found = shifted_bce(noisy, target, weight).item()
    assert min(costs) - 1e-5 <= found <= min(costs) + np.log(9) / 100


def test_focal_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]]]])
    target = torch.tensor([[[[1.0, 0.0]]]])
    wrong = 1 / (1 + np.exp(-2))
    cost = [0.5**2 * np.log(2), wrong**2 * np.log(1 + np.e**2)]
    found = masked_focal(logits, target, torch.ones_like(logits))
    assert found.item() == pytest.approx(np.mean(cost))


def test_focal_without_gamma_is_cross_entropy_and_a_gamma_between_0_and_1_is_refused(sample):
    torch.testing.assert_close(masked_focal(*sample, gamma=0.0), masked_bce(*sample))
    with pytest.raises(ValueError, match="gamma is 0, or 1 or more"):
        masked_focal(*sample, gamma=0.5)


ENTROPIES = [LossSettings(), LossSettings("focal")]


@pytest.mark.parametrize("settings", ENTROPIES)
def test_a_component_the_whole_batch_does_not_know_gets_exactly_no_gradient(settings, sample):
    logits, target, weight = sample
    weight[:, 1] = 0
    cost = combined(logits, target, weight, settings)
    cost.backward()
    assert logits.grad[:, 1].abs().max() == 0
    assert (logits.grad[weight > 0] != 0).all()
    known = [0, 2]
    without = combined(logits[:, known], target[:, known], weight[:, known], settings)
    torch.testing.assert_close(cost, without)


@pytest.mark.parametrize("settings", ENTROPIES)
def test_each_component_has_its_own_mask(settings, sample):
    logits, target, weight = sample
    weight[0, 0], weight[1, 2] = 0, 0
    combined(logits, target, weight, settings).backward()
    assert ((logits.grad != 0) == (weight > 0)).all()


@pytest.mark.parametrize("settings", ENTROPIES)
def test_a_batch_that_knows_nothing_costs_nothing(settings, sample):
    logits, target, weight = sample
    cost = combined(logits, target, weight * 0, settings)
    cost.backward()
    assert cost.item() == 0
    assert logits.grad.abs().max() == 0


def test_combined_by_hand():
    """Of one component over two samples of unlike knowledge, every known pixel counts alike."""
    logits = torch.tensor([[[[0.0, 2.0]]], [[[1.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 0.0]]], [[[1.0, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0]]], [[[0.0, 1.0]]]])
    entropy = np.mean([np.log(2), np.log(1 + np.e**2), np.log(2)])
    chance = np.array([0.5, 1 / (1 + np.exp(-2)), 0.5])
    dice = 1 - (2 * 0.5 + 1) / ((chance**2).sum() + 1 + 1)
    found = combined(logits, target, weight, LossSettings(dice_weight=0.7))
    assert found.item() == pytest.approx(entropy + 0.7 * dice)


def test_components_count_by_their_weights(sample):
    logits, target, weight = sample
    alone = [
        combined(logits[:, c : c + 1], target[:, c : c + 1], weight[:, c : c + 1]).item()
        for c in range(3)
    ]
    settings = LossSettings(component_weights=(1.0, 5.0, 2.0))
    expected = np.average(alone, weights=(1, 5, 2))
    assert combined(logits, target, weight, settings).item() == pytest.approx(expected, rel=1e-6)


def test_what_is_present_counts_more_where_it_is_rare():
    logits = torch.tensor([[[[0.0, 2.0]]]])
    target = torch.tensor([[[[1.0, 0.0]]]])
    settings = LossSettings(dice_weight=0.0, present_weights=(3.0,))
    expected = (3 * np.log(2) + np.log(1 + np.e**2)) / 4
    found = combined(logits, target, torch.ones_like(logits), settings)
    assert found.item() == pytest.approx(expected)


def test_weights_of_another_number_of_components_are_refused(sample):
    with pytest.raises(ValueError, match="each of 3 components, found 2"):
        combined(*sample, LossSettings(component_weights=(1.0, 2.0)))

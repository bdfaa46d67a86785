"""GANs: shapes and labels, the two steps against the formulas, and a game that can be won."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from d4sci import gan
from d4sci.gan import (
    Discriminator,
    Generator,
    discriminator_step,
    generator_step,
    sample_noise,
    train_gan,
)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n_classes", [0, 10])
@pytest.mark.parametrize("n", [2, 5])
def test_shapes_and_range(n, n_classes):
    G, D = Generator(8, n_classes=n_classes), Discriminator(n_classes=n_classes)
    labels = (torch.arange(n),) if n_classes else ()
    images = G(normal(n, 8), *labels)
    assert images.shape == (n, 1, 28, 28)
    assert ((images > 0) & (images < 1)).all()
    assert D(images, *labels).shape == (n,)


def test_labels_reach_both_networks():
    G, D = Generator(8, n_classes=3).eval(), Discriminator(n_classes=3)
    Z, ones, twos = normal(4, 8), torch.ones(4).long(), torch.full((4,), 2)
    assert not torch.allclose(G(Z, ones), G(Z, twos))
    images = G(Z, ones)
    difference = D(images, twos) - D(images, ones)
    by_formula = D.features(images) @ (D.label_embedding.weight[2] - D.label_embedding.weight[1])
    assert torch.allclose(difference, by_formula, atol=1e-6)


class OneWeight(nn.Module):
    """A discriminator of numbers with one weight: logit = w x."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x):
        return self.w * x[:, 0]


def test_discriminator_step_is_the_formula():
    D, real, fake = OneWeight(0.7), normal(6, 1) + 1, normal(6, 1, seed=1).requires_grad_()
    p_real, p_fake = D(real).sigmoid(), D(fake).sigmoid()
    expected = -(p_real.log().mean() + (1 - p_fake).log().mean())
    (gradient,) = torch.autograd.grad(expected, D.w)
    loss, on_real, on_fake = discriminator_step(D, torch.optim.SGD(D.parameters(), 0.1), real, fake)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert (on_real.item(), on_fake.item()) == pytest.approx(
        (p_real.mean().item(), p_fake.mean().item())
    )
    assert D.w.item() == pytest.approx(0.7 - 0.1 * gradient.item(), rel=1e-5)
    assert fake.grad is None  # G learns nothing from this step


def test_generator_step_is_the_non_saturating_formula():
    D, shift = OneWeight(0.7), nn.Parameter(torch.tensor(-2.0))
    Z = normal(6, 1)
    expected = -D(Z + shift).sigmoid().log().mean()
    (gradient,) = torch.autograd.grad(expected, shift)
    loss = generator_step(D, torch.optim.SGD([shift], 0.1), Z + shift)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert shift.item() == pytest.approx(-2 - 0.1 * gradient.item(), rel=1e-5)
    assert D.w.item() == pytest.approx(0.7)


def test_extreme_logits_stay_finite():
    D = OneWeight(1e4)
    loss, *_ = discriminator_step(
        D, torch.optim.SGD(D.parameters(), 0.0), -torch.ones(2, 1), torch.ones(2, 1)
    )
    assert loss.item() == pytest.approx(2e4)


class LinearGenerator(nn.Module):
    """A generator of numbers: a z + b of noise z."""

    latent_dim, n_classes = 1, 0

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(-1.0))

    def forward(self, Z):
        return self.a * Z + self.b


class SmallDiscriminator(nn.Module):
    """A discriminator of numbers with one hidden layer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)[:, 0]


def test_g_finds_the_distribution_and_d_ends_at_one_half():
    torch.manual_seed(0)
    G, D, X = LinearGenerator(), SmallDiscriminator(), 2 + 0.7 * normal(5000, 1)
    history = train_gan(G, D, X, steps=1500, batch_size=128, lr=(1e-2, 1e-2))
    assert history.shape == (1500, 2)
    assert G.b.item() == pytest.approx(2, abs=0.1)
    assert abs(G.a.item()) == pytest.approx(0.7, abs=0.1)
    assert history[-200:].mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    with torch.no_grad():
        fake = G(normal(5000, 1, seed=1))
        value = D(X).sigmoid().log().mean() + (1 - D(fake).sigmoid()).log().mean()
    assert value.item() == pytest.approx(-math.log(4), abs=0.05)


def test_same_seed_same_networks_and_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    networks = Generator(4, n_classes=2), Discriminator(n_classes=2)
    X, y = torch.rand(20, 1, 28, 28), torch.arange(20) % 2
    results = []
    for _ in range(2):
        G, D = copy.deepcopy(networks)
        state = torch.get_rng_state()
        history = train_gan(G, D, X, y, steps=3, batch_size=4, seed=5)
        assert torch.equal(torch.get_rng_state(), state)
        results.append([history, *G.state_dict().values()])
    assert not G.training
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    changed = zip(networks[0].parameters(), G.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in changed)


def test_watch_sees_each_step_and_may_look_at_g():
    torch.manual_seed(0)
    networks, seen = (LinearGenerator(), SmallDiscriminator()), {}
    X, z = torch.rand(9, 1), normal(4, 1)
    G, D = copy.deepcopy(networks)
    unseen = train_gan(*networks, X, steps=3, batch_size=2)
    history = train_gan(
        G, D, X, steps=3, batch_size=2, watch=lambda step: seen.update({step: G(z).detach()})
    )
    assert list(seen) == [0, 1, 2]
    assert torch.equal(seen[2], G(z))
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(history, unseen)  # looking changes nothing


def test_noise_is_normal_and_follows_its_model():
    z = sample_noise(10_000, 3, torch.ones(1).double(), torch.Generator().manual_seed(0))
    assert z.dtype == torch.float64
    assert z.mean(0).abs().max() < 0.05
    assert (z.std(0) - 1).abs().max() < 0.05


def test_bad_input():
    G, D, X = Generator(4, n_classes=3), Discriminator(n_classes=3), torch.rand(6, 1, 28, 28)
    with pytest.raises(TypeError, match=r"y must be a torch\.Tensor, got NoneType"):
        train_gan(G, D, X)
    with pytest.raises(ValueError, match="labels from 0 to n_classes − 1 = 2, got 0 to 3"):
        train_gan(G, D, X, torch.tensor([0, 1, 2, 3, 0, 0]))
    with pytest.raises(ValueError, match="one entry per row"):
        train_gan(G, D, X, torch.tensor([0, 1]))
    with pytest.raises(TypeError, match="integer class labels"):
        train_gan(G, D, X, torch.zeros(6))
    with pytest.raises(ValueError, match="batch_size must lie between 2"):
        train_gan(G, D, X, torch.zeros(6).long(), batch_size=1)
    with pytest.raises(TypeError, match="must be a torch"):
        train_gan(G, D, [1, 2])
    with pytest.raises(ValueError, match="steps must lie between 1"):
        train_gan(LinearGenerator(), SmallDiscriminator(), X, steps=0)


def test_the_features_of_d_are_what_its_functions_make():
    D, images = Discriminator(channels=(2, 3)), torch.rand(2, 1, 28, 28)
    first, second = (layer for layer in D.features if isinstance(layer, nn.Conv2d))
    H = nn.functional.conv2d(images, first.weight, first.bias, stride=2, padding=1)
    H = torch.where(H > 0, H, H / 5)
    H = nn.functional.conv2d(H, second.weight, second.bias, stride=2, padding=1)
    assert torch.allclose(D.features(images), torch.where(H > 0, H, H / 5).flatten(1), atol=1e-6)


def test_labels_say_little_at_first():
    weight = Discriminator(n_classes=10).label_embedding.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.05)  # of 15,680


@pytest.mark.parametrize("given", [{}, {"lr": (3e-3, 1e-3)}])
def test_learning_rates_rest_for_one_half_and_then_fall(given, monkeypatch):
    rates = {"discriminator_step": [], "generator_step": []}

    def noting(name):
        step = getattr(gan, name)

        def noted(D, optimizer, *others):
            rates[name].append(optimizer.param_groups[0]["lr"])
            return step(D, optimizer, *others)

        return noted

    for name in rates:
        monkeypatch.setattr(gan, name, noting(name))
    train_gan(
        Generator(4), Discriminator(), torch.rand(9, 1, 28, 28), steps=8, batch_size=2, **given
    )
    shares = [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert rates["discriminator_step"] == pytest.approx([1e-3 * share for share in shares])
    assert rates["generator_step"] == pytest.approx([3e-3 * share for share in shares])


def test_d_mirrors_g():
    """28 → 14 → 7 pixels with 16 and 32 maps, and back; weights that were stored before fit."""
    ways = [
        [tuple(p.shape) for p in network.parameters() if p.ndim == 4]
        for network in (Generator(), Discriminator())
    ]
    assert ways == [[(32, 16, 4, 4), (16, 1, 4, 4)], [(16, 1, 4, 4), (32, 16, 4, 4)]]


def test_no_weight_of_d_is_idle():
    D, images = Discriminator(n_classes=2), torch.rand(4, 1, 28, 28)
    D(images, torch.arange(4) % 2).sum().backward()
    assert all((p.grad != 0).all() for p in D.parameters())


def test_without_a_seed_it_is_0():
    torch.manual_seed(0)
    networks, X = (LinearGenerator(), SmallDiscriminator()), torch.rand(9, 1)
    runs = [train_gan(*copy.deepcopy(networks), X, steps=2, **seed) for seed in ({}, {"seed": 0})]
    assert torch.equal(*runs)


class WithDropout(SmallDiscriminator):
    """A discriminator that acts differently in training, and says in which mode it was asked."""

    def __init__(self):
        super().__init__()
        self.layers.append(nn.Dropout(0.5))
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        return super().forward(x)


@pytest.mark.parametrize("watched", [False, True])
def test_every_step_is_taken_in_training_mode(watched):
    """Both networks, even if they came in evaluation mode, or were left so by who watched."""
    torch.manual_seed(0)
    G, D = LinearGenerator().eval(), WithDropout().eval()

    def look(step):
        assert G.training
        G.eval()
        D.eval()

    train_gan(G, D, torch.rand(9, 1), steps=3, batch_size=2, watch=look if watched else None)
    assert D.modes == [True] * 9  # real, fake, and fake for G, in each step
    assert not G.training
    assert not D.training


def sgd(network):
    return torch.optim.SGD(network.parameters(), 0.1)


def test_an_optimizer_of_another_network_is_refused():
    """Else the step trains nothing, or D learns to be deceived, and no one is told."""
    G, D, X = LinearGenerator(), SmallDiscriminator(), torch.rand(4, 1)
    others = LinearGenerator(), SmallDiscriminator()
    before = copy.deepcopy([G.state_dict(), D.state_dict()])
    for other in (G, *others):
        with pytest.raises(ValueError, match="parameters of D that can change, got none"):
            discriminator_step(D, sgd(other), X, G(X))
    with pytest.raises(ValueError, match="must hold G's parameters, got D's"):
        generator_step(D, sgd(D), G(X))
    for other in others:
        with pytest.raises(ValueError, match="hold parameters that made fake, got none"):
            generator_step(D, sgd(other), G(X))
    with pytest.raises(ValueError, match=r"give fake without detach\(\)"):
        generator_step(D, sgd(G), G(X).detach())
    for network, weights in zip((G, D), before, strict=True):
        assert all(torch.equal(v, weights[name]) for name, v in network.state_dict().items())
    with pytest.raises(TypeError, match=r"must be a torch\.optim\.Optimizer"):
        generator_step(D, torch.optim.Adam, G(X))


@pytest.mark.parametrize("name", ["G", "D"])
def test_a_frozen_network_is_refused(name):
    networks = {"G": LinearGenerator(), "D": SmallDiscriminator()}
    networks[name].requires_grad_(False)
    with pytest.raises(ValueError, match=rf"frozen ones.*{name}\.requires_grad_\(True\)"):
        train_gan(*networks.values(), torch.rand(9, 1), steps=1, batch_size=2)


def test_a_part_of_a_network_may_be_frozen():
    D = SmallDiscriminator()
    D.layers[0].requires_grad_(False)
    before = D.layers[0].weight.clone()
    train_gan(LinearGenerator(), D, torch.rand(9, 1), steps=2, batch_size=2)
    assert torch.equal(D.layers[0].weight, before)


def test_numbers_of_numpy():
    found = []
    for whole, real in ((int, float), (np.int64, np.float64), (np.uint8, np.float64)):
        torch.manual_seed(0)
        G = Generator(whole(4), n_classes=whole(2), channels=(whole(2), whole(3)))
        D = Discriminator(n_classes=whole(2), channels=(whole(2), whole(3)))
        X, y = torch.rand(9, 1, 28, 28), torch.arange(9) % 2
        rates = (real(1e-3), real(1e-3))
        found.append(train_gan(G, D, X, y, steps=whole(3), batch_size=whole(4), lr=rates))
    assert all(torch.equal(history, found[0]) for history in found)


@pytest.mark.parametrize("lr", [0.1, (1e-3,), (1e-3, 0.0), (1e-3, "fast")])
def test_rates_that_are_not_two_positive_numbers_are_refused(lr):
    G, D = Generator(4), Discriminator()
    with pytest.raises((TypeError, ValueError), match="lr must be"):
        train_gan(G, D, torch.rand(8, 1, 28, 28), steps=1, batch_size=4, lr=lr)

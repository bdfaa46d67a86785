"""Generative adversarial networks: a generator makes images, a discriminator tells real from fake.

The discriminator D is a binary classifier, real or fake; the generator G learns to deceive it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.optim import Optimizer

from d4sci.device import seeded
from d4sci.support.checks import (
    require_batch,
    require_between,
    require_classes,
    require_positive,
    require_tensor,
)
from d4sci.support.optimizers import held_by, require_gradients, require_optimizer, trainable


class Generator(nn.Module):
    """Turn noise into images, x̂ = G(z): a linear layer, then 7 × 7 → 14 × 14 → 28 × 28.

    latent_dim: numbers in z.  n_classes: where > 0, each image has a label too (conditional).
    channels: maps of the 14 × 14 and of the 7 × 7 layer.
    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; Radford, Metz and Chintala
    2016, https://arxiv.org/abs/1511.06434, for the layers; Mirza and Osindero 2014,
    https://arxiv.org/abs/1411.1784, for the labels.
    """

    def __init__(
        self, latent_dim: int = 64, *, n_classes: int = 0, channels: tuple[int, int] = (16, 32)
    ):
        super().__init__()
        self.latent_dim, self.n_classes = latent_dim, n_classes
        maps_14, maps_7 = channels
        features = maps_7 * 7 * 7
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + n_classes, features), nn.BatchNorm1d(features), nn.ReLU(),
            nn.Unflatten(1, (int(maps_7), 7, 7)),
            nn.ConvTranspose2d(maps_7, maps_14, 4, stride=2, padding=1),  # (n, maps_14, 14, 14)
            nn.BatchNorm2d(maps_14), nn.ReLU(),
            nn.ConvTranspose2d(maps_14, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, Z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images from 0 to 1, (n, 1, 28, 28).

        Z: (n, latent_dim).  labels: (n,), or None without n_classes.
        """
        require_batch(Z, (self.latent_dim,), "Z")
        _validate_labels(labels, len(Z), self.n_classes)
        if self.n_classes:
            wanted = one_hot(labels.long(), self.n_classes).to(Z)  # (n, n_classes)
            Z = torch.cat([Z, wanted], 1)
        return self.layers(Z)


class Discriminator(nn.Module):
    """Classify images as real (logit > 0) or fake: 28 × 28 → 14 × 14 → 7 × 7 → one number.

    n_classes, channels: as for `Generator`. A label adds how well the image fits it:
    logit = w·h + b + v_label·h, with the features h (Miyato and Koyama 2018,
    https://arxiv.org/abs/1802.05637).
    """

    def __init__(self, *, n_classes: int = 0, channels: tuple[int, int] = (16, 32)):
        super().__init__()
        self.n_classes = n_classes
        maps_14, maps_7 = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, maps_14, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(maps_14, maps_7, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(maps_7 * 7 * 7, 1)  # w, b
        self.label_embedding = None
        if n_classes:
            self.label_embedding = nn.Embedding(n_classes, maps_7 * 7 * 7)  # a row v each
            nn.init.normal_(self.label_embedding.weight, std=0.02)  # labels say little at first

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one logit per image, (n,).

        images: (n, 1, 28, 28).  labels: (n,), or None without n_classes.
        """
        require_batch(images, (1, 28, 28), "images")
        _validate_labels(labels, len(images), self.n_classes)
        h = self.features(images)  # (n, maps_7 · 7 · 7)
        logits = self.head(h)[:, 0]
        if self.n_classes:
            v = self.label_embedding(labels.long())  # as h
            logits = logits + (v * h).sum(1)
        return logits


def discriminator_step(
    D: nn.Module, optimizer: Optimizer, real: Tensor, fake: Tensor, *labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Improve D once: minimise −mean log D(x) − mean log(1 − D(G(z))).

    D: called as D(x, *labels), returns logits, (n,); the D(x) of the formula is σ(logit), with the
    sigmoid σ.  real, fake: x and G(z), n rows each.  optimizer: of D's parameters.
    Returns the loss, and the means of D(x) and of D(G(z)), as probabilities, before the step.
    Raises ValueError for an optimizer of another network.
    """
    require_optimizer(optimizer, D, "D")
    # on_real and on_fake are logits t: −log σ(t) = softplus(−t), −log(1 − σ(t)) = softplus(t).
    on_real = D(real, *labels)  # (n,)
    on_fake = D(fake.detach(), *labels)  # (n,); detach: G does not learn from this step
    loss = softplus(-on_real).mean() + softplus(on_fake).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach(), on_real.detach().sigmoid().mean(), on_fake.detach().sigmoid().mean()


def generator_step(D: nn.Module, optimizer: Optimizer, fake: Tensor, *labels: Tensor) -> Tensor:
    """Improve G once by the non-saturating loss, −mean log D(G(z)); return it, ().

    The minimax loss, mean log(1 − D(G(z))), has the same goal, but is nearly flat where D is sure
    that the image is fake, which is where G begins.
    D: as in `discriminator_step`.  fake: G(z), not detached: gradients flow to G.
    optimizer: of G's parameters.  Raises ValueError for one of D, or of another network.
    """
    if held_by(optimizer) <= {id(p) for p in D.parameters()}:
        raise ValueError("optimizer must hold G's parameters, got D's; use Adam(G.parameters())")
    loss = softplus(-D(fake, *labels)).mean()  # −log σ(t) = softplus(−t), with the logit t
    optimizer.zero_grad()
    loss.backward()  # fills the gradients of D, too; discriminator_step clears them before its own
    require_gradients(optimizer, "fake")
    optimizer.step()
    return loss.detach()


def train_gan(
    G: nn.Module, D: nn.Module, X: Tensor, y: Tensor | None = None, *, steps: int = 2500,
    batch_size: int = 32, lr: tuple[float, float] = (3e-3, 1e-3), seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> Tensor:  # fmt: skip
    """Train G and D in alternation; return the means of D(x) and of D(G(z)), (steps, 2).

    G: turns noise (n, G.latent_dim) into rows like those of X; with labels where G.n_classes > 0.
    D: called as D(x) or D(x, labels), returns logits, (n,); the means are of probabilities.
    X: real rows, (n, ...).  y: their labels, (n,), for networks with n_classes; else None.
    steps: updates of each network.  batch_size: real rows, and as many fake ones, a step.
    lr: learning rates of G and of D for the first half; in the second they fall to 0.
    seed: seeds the noise and the batches.  watch: called after each step with its number, from 0,
    to look at G on the way. Each step is taken in training mode; both end in evaluation mode.
    Raises TypeError or ValueError for data or a parameter that does not fit.
    """
    from tqdm import tqdm

    _validate(G, X, y, steps, batch_size, lr)
    rng = seeded(seed)
    optimizer_G = torch.optim.Adam(trainable(G, "G"), lr[0], betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(trainable(D, "D"), lr[1], betas=(0.5, 0.999))
    history = []
    for step in tqdm(range(steps), unit="step", leave=False, delay=1):
        G.train()
        D.train()
        _set_rates([optimizer_G, optimizer_D], lr, step / steps)
        real, *labels = _draw_batch(X, y, batch_size, rng)
        fake = G(sample_noise(batch_size, G.latent_dim, real, rng), *labels)
        _, on_real, on_fake = discriminator_step(D, optimizer_D, real, fake, *labels)
        generator_step(D, optimizer_G, fake, *labels)
        history.append(torch.stack([on_real, on_fake]))
        if watch is not None:
            watch(step)
    G.eval()
    D.eval()
    return torch.stack(history)


def sample_noise(n: int, latent_dim: int, like: Tensor, rng: torch.Generator) -> Tensor:
    """Return z, normal numbers (n, latent_dim), with the device and dtype of `like`.

    rng: generator of random numbers on the CPU, where they are drawn.
    """
    return torch.randn(n, latent_dim, generator=rng, device="cpu").to(like)


def _set_rates(optimizers, rates, done):
    """Keep each learning rate for the first half of the steps, then let it fall to 0.

    done: the share of the steps that have been taken, from 0 to 1.
    """
    share = min(1, 2 * (1 - done))
    for optimizer, rate in zip(optimizers, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate * share


def _draw_batch(X, y, batch_size, rng):
    """Return a list of random rows of X and, where there are labels, those of the rows."""
    rows = torch.randint(len(X), (batch_size,), generator=rng, device="cpu")
    images = X.detach()[rows.to(X.device)]
    if y is None:
        return [images]
    return [images, y[rows.to(y.device)]]


def _validate(G, X, y, steps, batch_size, lr):
    require_tensor(X)
    require_between("steps", steps, 1, float("inf"))
    require_between("batch_size", batch_size, 2, float("inf"))  # BatchNorm needs two
    if not isinstance(lr, tuple | list) or len(lr) != 2:
        raise TypeError(f"lr must be two rates, of G and of D, got {lr!r}; use (3e-3, 1e-3)")
    for rate in lr:
        require_positive("each rate of lr", rate, "try (3e-3, 1e-3)")
    _validate_labels(y, len(X), getattr(G, "n_classes", 0), "y")


def _validate_labels(labels, n, n_classes, name="labels"):
    """Raise unless there are labels, (n,), of that many classes, or none where there are none."""
    if n_classes:
        require_classes(labels, n, name, n_classes=n_classes)
    elif labels is not None:
        raise ValueError(f"{name} must be None without n_classes, got some; leave {name} out")

"""Generative adversarial networks: one network forges, the other tells forged from real."""

import torch
from torch import nn
from torch.nn.functional import one_hot, softplus

from d4sci.device import seeded
from d4sci.support.checks import require_batch, require_between, require_classes, require_tensor


class Generator(nn.Module):
    """Turn noise into images, x̂ = G(z): a linear layer, then 7 × 7 → 14 × 14 → 28 × 28.

    noise: numbers in z.  n_classes: with a label for each image where > 0 (conditional).
    channels: maps of the 14 × 14 and of the 7 × 7 layer.
    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; Radford, Metz and Chintala
    2016, https://arxiv.org/abs/1511.06434, for the layers; Mirza and Osindero 2014,
    https://arxiv.org/abs/1411.1784, for the labels.
    """

    def __init__(self, noise=64, *, n_classes=0, channels=(16, 32)):
        super().__init__()
        self.noise, self.n_classes = noise, n_classes
        a, b = channels
        self.layers = nn.Sequential(
            nn.Linear(noise + n_classes, b * 7 * 7), nn.BatchNorm1d(b * 7 * 7), nn.ReLU(),
            nn.Unflatten(1, (b, 7, 7)),
            nn.ConvTranspose2d(b, a, 4, stride=2, padding=1), nn.BatchNorm2d(a), nn.ReLU(),
            nn.ConvTranspose2d(a, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, Z, labels=None):
        """Return images from 0 to 1, (n, 1, 28, 28).  Z: (n, noise).  labels: (n,) or None."""
        require_batch(Z, (self.noise,), "Z")
        _check_labels(labels, len(Z), self.n_classes)
        if self.n_classes:
            Z = torch.cat([Z, one_hot(labels.long(), self.n_classes).to(Z)], 1)
        return self.layers(Z)


class Discriminator(nn.Module):
    """Judge images by logits, real > 0 > forged: 28 × 28 → 14 × 14 → 7 × 7 → one number.

    n_classes, channels: as for `Generator`. A label adds how well the image fits it:
    logit = w·h + b + v_label·h, with the features h (Miyato and Koyama 2018,
    https://arxiv.org/abs/1802.05637).
    """

    def __init__(self, *, n_classes=0, channels=(16, 32)):
        super().__init__()
        self.n_classes = n_classes
        a, b = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, a, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Flatten(),
        )  # fmt: skip
        self.real = nn.Linear(b * 7 * 7, 1)
        self.fits = nn.Embedding(n_classes, b * 7 * 7) if n_classes else None
        if n_classes:
            nn.init.normal_(self.fits.weight, std=0.02)  # labels say little at first

    def forward(self, images, labels=None):
        """Return one logit per image, (n,).  images: (n, 1, 28, 28).  labels: (n,) or None."""
        require_batch(images, (1, 28, 28), "images")
        _check_labels(labels, len(images), self.n_classes)
        H = self.features(images)
        logits = self.real(H)[:, 0]
        return logits + (self.fits(labels.long()) * H).sum(1) if self.n_classes else logits


def discriminator_step(D, optimizer, real, fake, *labels):
    """Improve D once: minimise −mean log D(x) − mean log(1 − D(G(z))).

    D: called as D(x, *labels), returns logits, (n,).  real, fake: n rows each.
    Returns the loss, and the means of D(x) and of D(G(z)), as probabilities, before the step.
    """
    on_real, on_fake = D(real, *labels), D(fake.detach(), *labels)  # (n,)
    loss = softplus(-on_real).mean() + softplus(on_fake).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach(), on_real.detach().sigmoid().mean(), on_fake.detach().sigmoid().mean()


def generator_step(D, optimizer, fake, *labels):
    """Improve G once by the non-saturating loss, −mean log D(G(z)); return it.

    The minimax loss, mean log(1 − D(G(z))), has the same goal, but hardly a slope where D is sure
    that the image is forged, which is where G begins.
    fake: G(z), with its graph.  optimizer: of G's parameters.
    """
    loss = softplus(-D(fake, *labels)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def train_gan(G, D, X, y=None, *, steps=2500, batch_size=32, lr=(3e-3, 1e-3), seed=0, watch=None):
    """Let G and D play; return D(x) and D(G(z)), means of each batch, (steps, 2).

    X: real rows, (n, ...).  y: their labels, (n,), for networks with n_classes; else None.
    lr: learning rates of G and D for the first half; in the second they fall to 0.
    seed: of noise and batches.  watch: called with the number of each step, 0 …, after it, to
    look at G on the way.  G ends in evaluation mode.
    """
    from tqdm import tqdm

    _check(G, X, y, steps, batch_size)
    generator = seeded(seed)
    forge, judge = (torch.optim.Adam(net.parameters(), r, betas=(0.5, 0.999))
                    for net, r in zip((G, D), lr, strict=True))  # fmt: skip
    history = []
    G.train()
    for step in tqdm(range(steps), unit="step", leave=False, delay=1):
        for optimizer, rate in zip((forge, judge), lr, strict=True):
            optimizer.param_groups[0]["lr"] = rate * min(1, 2 * (1 - step / steps))
        rows = torch.randint(len(X), (batch_size,), generator=generator, device="cpu")
        real = X[rows.to(X.device)]
        labels = () if y is None else (y[rows.to(y.device)],)
        fake = G(noise(batch_size, G.noise, real, generator), *labels)
        history.append(torch.stack(discriminator_step(D, judge, real, fake, *labels)[1:]))
        generator_step(D, forge, fake, *labels)
        if watch is not None:
            watch(step)
    G.eval()
    return torch.stack(history)


def noise(n, k, like, generator):
    """Return z, normal numbers (n, k), drawn on the CPU and moved to where `like` is."""
    return torch.randn(n, k, generator=generator, device="cpu").to(like)


def _check(G, X, y, steps, batch_size):
    require_tensor(X)
    require_between("steps", steps, 1, float("inf"))
    require_between("batch_size", batch_size, 2, float("inf"))  # BatchNorm needs two
    _check_labels(y, len(X), getattr(G, "n_classes", 0), "y")


def _check_labels(labels, n, n_classes, name="labels"):
    """Raise unless there are labels, (n,), of that many classes, or none where there are none."""
    if n_classes:
        require_classes(labels, n, name, n_classes=n_classes)
    elif labels is not None:
        raise ValueError(f"{name} must be None without n_classes, got some; leave {name} out")

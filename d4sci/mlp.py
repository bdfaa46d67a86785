"""The multi-layer perceptron by hand: forward, backward and update, and no autograd anywhere."""

import math
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import ClassVar, Self

import torch
from torch import Tensor

from d4sci.device import seeded
from d4sci.estimator import Classifier
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
)
from d4sci.support.labels import encode_labels


@dataclass(eq=False, repr=False)
class MLP(Classifier):
    """Classify by layers of neurons, with softmax in place of φ at the end.

    z⁽ˡ⁺¹⁾ = a⁽ˡ⁾ W⁽ˡ⁾ + b⁽ˡ⁾,  a⁽ˡ⁺¹⁾ = φ(z⁽ˡ⁺¹⁾),
    J = −(1/n) Σ log a_y + (λ/2) Σ ‖W⁽ˡ⁾‖²,  δ⁽ᴸ⁾ = (a⁽ᴸ⁾ − y)/n,
    δ⁽ˡ⁾ = δ⁽ˡ⁺¹⁾ W⁽ˡ⁾ᵀ ⊙ φ′(z⁽ˡ⁾),  ∂J/∂W⁽ˡ⁾ = a⁽ˡ⁾ᵀ δ⁽ˡ⁺¹⁾ + λ W⁽ˡ⁾,  ∂J/∂b⁽ˡ⁾ = Σ δ⁽ˡ⁺¹⁾

    Rows are samples here, so W is (in, out), and each formula is the transpose of the textbook's
    for column vectors: δ⁽ˡ⁾ = W⁽ˡ⁾ᵀ δ⁽ˡ⁺¹⁾ ⊙ φ′(z⁽ˡ⁾), with W as (out, in).
    The slide counts layers from 1, lists count from 0: a[0] is a⁽¹⁾ = X, weights_[0] is W⁽¹⁾, and
    z[0] is z⁽²⁾, since the input has no z.
    The initial weights are random, from N(0, 2/in) for ReLU (He 2015), else from
    N(0, 2/(in + out)) (Glorot 2010); the biases start at 0.

    hidden: neurons of each hidden layer; () is softmax regression.
    activation: φ of the hidden layers, "relu", "sigmoid" or "tanh".
    weight_decay: λ of the penalty (λ/2) ‖W‖²; the biases are not penalised.
    lr: learning rate.  momentum: share of the last step that the next one keeps, from 0 to 1:
    v = momentum · v + ∂J/∂W, W = W − lr · v.
    batch_size: rows per update, n.  epochs: passes over the data; 0 leaves the initial weights.
    seed: seeds the initial weights and the order of the rows.
    `fit` sets classes_, sorted, (k,); n_features_in_; weights_, a list of (in, out); biases_, a
    list of (out,); loss_history_, J averaged over the rows of each epoch, before their updates.
    Raises TypeError or ValueError for data or a parameter that does not fit, RuntimeError before
    `fit`.
    Source: Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0.
    """

    # φ(z), and its derivative φ′(z) written in a = φ(z), which the forward pass has at hand.
    PHI: ClassVar = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    PHI_PRIME: ClassVar = {"relu": lambda a: (a > 0).to(a), "sigmoid": lambda a: a * (1 - a),
                           "tanh": lambda a: 1 - a * a}  # fmt: skip

    hidden: tuple[int, ...] = (128, 64)
    _: KW_ONLY
    activation: str = "relu"
    weight_decay: float = 0.0
    lr: float = 0.1
    momentum: float = 0.9
    batch_size: int = 128
    epochs: int = 10
    seed: int = 0

    def fit(self, X: Tensor, y: Tensor) -> Self:
        """Train from scratch.  X: (n, d).  y: integer labels of two classes or more, (n,)."""
        _validate(self, X, y)
        X = X.detach()
        classes, y = encode_labels(y, X.device, at_least=2)  # (k,); (n,), of 0 to k − 1
        generator = seeded(self.seed)
        weights, biases = _initial_parameters(self, X, len(classes), generator)
        velocities = [torch.zeros_like(p) for p in [*weights, *biases]]
        losses = []
        for _ in range(self.epochs):
            total = X.new_zeros(())
            order = torch.randperm(len(X), generator=generator, device="cpu").to(X.device)
            for rows in order.split(self.batch_size):
                labels = y.index_select(0, rows)  # (n,)
                _, a = self._forward(X.index_select(0, rows), weights, biases)
                total += len(rows) * self._loss(a[-1], labels, weights)
                dW, db = self._backward(a, labels, weights)
                self._update([*weights, *biases], [*dW, *db], velocities)
            losses.append(total.item() / len(X))
        self.classes_, self.n_features_in_ = classes.to(X.device), X.shape[1]
        self.weights_, self.biases_, self.loss_history_ = weights, biases, losses
        return self

    def forward(self, X: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the lists z and a of all layers, of which a has one more: a[0] = X has no z.

        z[i] = a[i] W + b with W = weights_[i], a[i + 1] = φ(z[i]); of the last z, softmax(z).
        X: (n, d).  z[i] and a[i + 1]: (n, neurons of the layer).
        """
        require_fitted(self, "weights_")
        require_matrix(X, n_features=self.n_features_in_)
        return self._forward(X, [W.to(X) for W in self.weights_], [b.to(X) for b in self.biases_])

    def gradients(self, X: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the lists dW and db of ∂J/∂W and ∂J/∂b of each layer, for these rows.

        X: (n, d).  y: labels that `fit` saw, (n,).
        """
        _, a = self.forward(X)
        labels = _places(y, self.classes_, X)  # (n,), of 0 to k − 1
        return self._backward(a, labels, [W.to(X) for W in self.weights_])

    def predict_proba(self, X: Tensor) -> Tensor:
        """Return the probability of each class, (n, k).  X: (n, d)."""
        _, a = self.forward(X)
        return a[-1]

    def predict(self, X: Tensor) -> Tensor:
        """Return the most probable class of each row, (n,).  X: (n, d)."""
        best = self.predict_proba(X).argmax(1)  # (n,)
        return self.classes_.to(X.device)[best]

    def _forward(self, X, weights, biases):
        a = [X]
        z = [torch.addmm(biases[0], X, weights[0])]  # a W + b, (n, out)
        for W, b in zip(weights[1:], biases[1:], strict=True):
            a.append(self.PHI[self.activation](z[-1]))  # of a hidden layer
            z.append(torch.addmm(b, a[-1], W))
        a.append(z[-1].softmax(1))  # (n, k), of the last layer
        return z, a

    def _backward(self, a, labels, weights):
        """Return dW and db: from δ of the last layer, layer by layer, back to the first."""
        delta = a[-1].clone()  # (n, k)
        delta[torch.arange(len(labels), device=labels.device), labels] -= 1  # a − y, y one-hot
        delta /= len(labels)
        dW, db = [], []
        for layer in reversed(range(len(weights))):
            gradient = a[layer].T @ delta  # (in, out)
            gradient.add_(weights[layer], alpha=self.weight_decay)  # + λ W
            dW.insert(0, gradient)
            db.insert(0, delta.sum(0))  # (out,)
            if layer > 0:  # the input layer has no error, so no δ
                delta = (delta @ weights[layer].T) * self.PHI_PRIME[self.activation](a[layer])
        return dW, db

    def _update(self, parameters, gradients, velocities):
        for p, gradient, v in zip(parameters, gradients, velocities, strict=True):
            v.mul_(self.momentum).add_(gradient)  # v = momentum · v + ∂J/∂W
            p.sub_(v, alpha=self.lr)  # W = W − lr · v

    def _loss(self, a, labels, weights):
        """Return J of a batch."""
        p_true = a.gather(1, labels[:, None])  # (n, 1), probability of the true class
        J = -p_true.clamp(min=torch.finfo(a.dtype).tiny).log().mean()  # log 0 would be −∞
        if self.weight_decay > 0:
            J = J + self.weight_decay / 2 * sum(W.square().sum() for W in weights)
        return J


def _initial_parameters(model, X, n_classes, generator):
    """Return random weights and zero biases of all layers, with the dtype and device of X, (n, d).

    The variances are those of He (ReLU) and of Glorot, as the class says.
    """
    weights, biases = [], []
    for n_in, n_out in pairwise([X.shape[1], *model.hidden, n_classes]):
        variance = 2 / n_in if model.activation == "relu" else 2 / (n_in + n_out)
        W = torch.randn(n_in, n_out, generator=generator, dtype=X.dtype, device="cpu")
        weights.append((W * math.sqrt(variance)).to(X.device))
        biases.append(X.new_zeros(n_out))
    return weights, biases


def _places(y, classes, X):
    """Return the place of each label among the classes, (n,), on the device of X."""
    require_classes(y, len(X))
    matches = y.to(X.device)[:, None] == classes.to(X.device)  # (n, k)
    if not matches.any(1).all():
        seen, got = classes.tolist(), y.unique().tolist()
        raise ValueError(f"y must hold labels that fit saw, {seen}, got {got}")
    return matches.long().argmax(1)


def _validate(model, X, y):
    require_matrix(X)
    require_classes(y, len(X))
    require_choice("activation", model.activation, model.PHI)
    require_between("weight_decay", model.weight_decay, 0.0, 1e300)
    require_between("lr", model.lr, 0.0, 1e300)
    require_between("momentum", model.momentum, 0.0, 1)
    require_between("batch_size", model.batch_size, 1, math.inf)
    require_between("epochs", model.epochs, 0, math.inf)
    if not isinstance(model.hidden, tuple | list):
        fix = f"use ({model.hidden},)" if isinstance(model.hidden, int) else "give whole numbers"
        raise TypeError(f"hidden must be a tuple, got {model.hidden!r}; {fix}")
    for size in model.hidden:
        require_between("hidden", size, 1, math.inf)

"""The multi-layer perceptron by hand: forward, backward and update, and no autograd anywhere."""

import math
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise

import torch

from d4sci.device import seeded
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
)

# φ(z), and φ′ as a function of a = φ(z), which the forward pass has at hand.
ACTIVATIONS = {
    "relu": (torch.relu, lambda a: (a > 0).to(a)),
    "sigmoid": (torch.sigmoid, lambda a: a * (1 - a)),
    "tanh": (torch.tanh, lambda a: 1 - a * a),
}


@dataclass(eq=False)
class MLP:
    """Classify by layers of neurons, a⁽ˡ⁺¹⁾ = φ(a⁽ˡ⁾ W⁽ˡ⁾ + b⁽ˡ⁾), with softmax at the end.

    J = −(1/n) Σ log a_y + (λ/2) Σ ‖W⁽ˡ⁾‖²,  δ⁽ᴸ⁾ = (a⁽ᴸ⁾ − y)/n,
    δ⁽ˡ⁾ = δ⁽ˡ⁺¹⁾ W⁽ˡ⁾ᵀ ⊙ φ′(z⁽ˡ⁾),  ∂J/∂W⁽ˡ⁾ = a⁽ˡ⁾ᵀ δ⁽ˡ⁺¹⁾ + λ W⁽ˡ⁾,  ∂J/∂b⁽ˡ⁾ = Σ δ⁽ˡ⁺¹⁾

    Rows are samples here, so W is (in, out), and each formula is the transpose of the textbook's
    for column vectors: δ⁽ˡ⁾ = W⁽ˡ⁾ᵀ δ⁽ˡ⁺¹⁾ ⊙ φ′(z⁽ˡ⁾), with W as (out, in).

    hidden: neurons of each hidden layer; () is softmax regression.
    activation: φ of the hidden layers, "relu", "sigmoid" or "tanh".  l2: λ; biases go free.
    lr, momentum: v ← momentum · v + ∂J/∂W, W ← W − lr · v.  batch_size: rows per update, n.
    epochs: passes over the data; 0 only draws the first weights.
    `fit` sets classes_ (k,), sorted; weights_, a list of (in, out); biases_, a list of (out,);
    loss_history_, J averaged over the rows of each epoch, as they came.
    Raises TypeError or ValueError for data or a parameter that does not fit, RuntimeError before
    `fit`.
    Source: Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0.
    """

    hidden: tuple = (128, 64)
    _: KW_ONLY
    activation: str = "relu"
    l2: float = 0.0
    lr: float = 0.1
    momentum: float = 0.9
    batch_size: int = 128
    epochs: int = 10
    seed: int = 0

    def fit(self, X, y):
        """Train from scratch.  X: (n, d).  y: integer labels of two classes or more, (n,)."""
        self._check(X, y)
        X, n = X.detach(), len(X)
        self.classes_, y = y.unique(return_inverse=True)  # (k,), (n,) of 0 to k − 1
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold two classes or more, got {self.classes_.tolist()} only")
        generator = seeded(self.seed)
        self._draw_weights(X, [X.shape[1], *self.hidden, len(self.classes_)], generator)
        parameters = [*self.weights_, *self.biases_]
        velocities = [torch.zeros_like(p) for p in parameters]
        self.loss_history_ = []
        for _ in range(self.epochs):
            total = X.new_zeros(())
            order = torch.randperm(n, generator=generator, device="cpu").to(X.device)
            for rows in order.split(self.batch_size):
                batch, labels = X.index_select(0, rows), y.index_select(0, rows)  # (n, d), (n,)
                _, a = self._forward(batch)
                total += len(rows) * self._loss(a[-1], labels)
                dW, db = self._backward(a, labels)
                for p, v, gradient in zip(parameters, velocities, [*dW, *db], strict=True):
                    p.sub_(v.mul_(self.momentum).add_(gradient), alpha=self.lr)
            self.loss_history_.append(total.item() / n)
        return self

    def forward(self, X):
        """Return the lists z and a of all layers: a[0] = X, a[l + 1] = φ(z[l]), softmax last.

        X: (n, d).  z[l] and a[l + 1]: (n, neurons of the layer).
        """
        require_fitted(self, "weights_")
        require_matrix(X, n_features=len(self.weights_[0]))
        return self._forward(X)

    def gradients(self, X, y):
        """Return the lists dW and db of ∂J/∂W and ∂J/∂b of each layer, for these rows.

        X: (n, d).  y: labels that `fit` saw, (n,).
        """
        _, a = self.forward(X)
        require_classes(y, len(X))
        classes = self.classes_.long()  # bools too are in order, as 0 and 1
        labels = torch.searchsorted(classes, y.long()).clamp(max=len(classes) - 1)
        if not torch.equal(classes[labels], y.long()):
            seen, got = self.classes_.tolist(), y.unique().tolist()
            raise ValueError(f"y must hold labels that fit saw, {seen}, got {got}")
        return self._backward(a, labels)

    def predict_proba(self, X):
        """Return the probability of each class, (n, k).  X: (n, d)."""
        return self.forward(X)[1][-1]

    def predict(self, X):
        """Return the most probable class of each row, (n,).  X: (n, d)."""
        best = self.predict_proba(X).argmax(1)  # (n,)
        return self.classes_[best]

    def _forward(self, X):
        phi, _ = ACTIVATIONS[self.activation]
        z, a = [], [X]
        for W, b in zip(self.weights_, self.biases_, strict=True):
            z.append(torch.addmm(b.to(X), a[-1], W.to(X)))  # (n, out), a W + b
            a.append(phi(z[-1]))
        a[-1] = z[-1].softmax(1)  # (n, k), in place of φ
        return z, a

    def _backward(self, a, labels):
        """Return dW and db: δ of the last layer, and from it, layer by layer, those before."""
        _, derivative = ACTIVATIONS[self.activation]
        delta = a[-1].clone()  # (n, k)
        delta[torch.arange(len(labels), device=labels.device), labels] -= 1  # a − y
        delta /= len(labels)
        dW, db = [], []
        for i in reversed(range(len(self.weights_))):
            W = self.weights_[i].to(delta)
            dW.insert(0, torch.mm(a[i].T, delta).add_(W, alpha=self.l2))  # (in, out)
            db.insert(0, delta.sum(0))  # (out,)
            if i > 0:  # the inputs are no parameters: their δ is not needed
                delta = torch.mm(delta, W.T).mul_(derivative(a[i]))  # (n, in)
        return dW, db

    def _loss(self, a, labels):
        """Return J of a batch.  The smallest float keeps log 0 finite."""
        of_truth = a.gather(1, labels[:, None]).clamp(min=torch.finfo(a.dtype).tiny)  # (n, 1)
        penalty = sum(W.square().sum() for W in self.weights_) if self.l2 else 0
        return self.l2 / 2 * penalty - of_truth.log().mean()

    def _draw_weights(self, X, sizes, generator):
        """Draw W from N(0, 2/in) for ReLU (He 2015), else N(0, 2/(in + out)) (Glorot 2010)."""
        self.weights_, self.biases_ = [], []
        for n_in, n_out in pairwise(sizes):
            std = math.sqrt(2 / (n_in if self.activation == "relu" else n_in + n_out))
            W = torch.randn(n_in, n_out, generator=generator, dtype=X.dtype, device="cpu")
            self.weights_.append(W.mul_(std).to(X.device))
            self.biases_.append(X.new_zeros(n_out))

    def _check(self, X, y):
        require_matrix(X)
        require_classes(y, len(X))
        require_choice("activation", self.activation, ACTIVATIONS)
        require_between("l2", self.l2, 0.0, 1e300)
        require_between("lr", self.lr, 0.0, 1e300)
        require_between("momentum", self.momentum, 0.0, 1)
        require_between("batch_size", self.batch_size, 1, math.inf)
        require_between("epochs", self.epochs, 0, math.inf)
        if not isinstance(self.hidden, tuple | list):
            raise TypeError(f"hidden must be a tuple, got {self.hidden!r}; use ({self.hidden},)")
        for size in self.hidden:
            require_between("hidden", size, 1, math.inf)

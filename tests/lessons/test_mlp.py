"""The hand-written MLP against autograd, finite differences and scikit-learn; float64 to 1e-10."""

import warnings
from inspect import signature

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from torch.nn.functional import cross_entropy

from d4sci.data import load_iris, load_mnist, make_moons, to_tensors
from d4sci.mlp import MLP
from d4sci.training import train
from tests.support.pretend_mps import PretendMPS, PretendTensor, plain, pretend

X, Y, _ = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")
X = X.double()
PHI = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def objective(model, X, y, weights, biases):
    """J as the docstring has it, in operations that autograd knows."""
    a = X
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = a @ W + b
        a = PHI[model.activation](z) if i + 1 < len(weights) else z
    penalty = sum((W**2).sum() for W in weights)
    return cross_entropy(a, y) + model.weight_decay / 2 * penalty


def by_autograd(model, X, y):
    weights = [W.clone().requires_grad_() for W in model.weights_]
    biases = [b.clone().requires_grad_() for b in model.biases_]
    objective(model, X, y, weights, biases).backward()
    return [W.grad for W in weights], [b.grad for b in biases]


def started(X=X, y=Y, **parameters):
    """An MLP with its first weights, and biases that are not zero."""
    model = MLP(**{"epochs": 0, "seed": 1} | parameters).fit(X, y)
    generator = torch.Generator().manual_seed(2)
    for b in model.biases_:
        b += 0.1 * torch.randn(len(b), generator=generator, dtype=b.dtype)
    return model


@pytest.mark.parametrize("rows", [1, 2, 7, 150])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("hidden", [(), (1,), (5,), (6, 3), (4, 4, 4, 4)])
def test_gradients_equal_autograd(hidden, activation, weight_decay, rows):
    model = started(hidden=hidden, activation=activation, weight_decay=weight_decay)
    X_, y_ = X[-rows:], Y[-rows:]
    for ours, autograd in zip(model.gradients(X_, y_), by_autograd(model, X_, y_), strict=True):
        for a, b in zip(ours, autograd, strict=True):
            assert a.shape == b.shape
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", PHI)
def test_gradients_equal_finite_differences(activation):
    model = started(hidden=(4, 3), activation=activation, weight_decay=0.1)
    dW, db = model.gradients(X, Y)
    h = 1e-6
    for parameters, gradients in ((model.weights_, dW), (model.biases_, db)):
        for p, gradient in zip(parameters, gradients, strict=True):
            flat = p.view(-1)
            for i in range(len(flat)):
                kept, J = flat[i].item(), []
                for step in (h, -h):
                    flat[i] = kept + step
                    J.append(objective(model, X, Y, model.weights_, model.biases_).item())
                flat[i] = kept
                assert gradient.view(-1)[i].item() == pytest.approx(
                    (J[0] - J[1]) / (2 * h), abs=1e-7
                )


@pytest.mark.parametrize("shape", [(20, 1), (5, 40), (2, 3)])
@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_gradients_of_awkward_data(shape, shift):
    generator = torch.Generator().manual_seed(0)
    X_ = torch.randn(shape, generator=generator, dtype=torch.float64) + shift
    X_[-1] = X_[0]  # a row twice
    y_ = torch.arange(shape[0]) % 2 * 7 - 3  # classes −3 and 4
    model = started(X_, y_, hidden=(3,))
    for ours, autograd in zip(
        model.gradients(X_, y_), by_autograd(model, X_, (y_ > 0).long()), strict=True
    ):
        for a, b in zip(ours, autograd, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)


def test_a_case_by_hand():
    """Two inputs, two ReLU neurons, two classes; 1 and 3 in, 2 right: worked on paper."""
    model = MLP((2,), epochs=0).fit(torch.eye(2), torch.tensor([0, 1]))
    model.weights_ = [torch.tensor([[1.0, 0.0], [1.0, -1.0]]), torch.tensor([[0.0, 0.5], [1.0, 1]])]
    model.biases_ = [torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0])]
    z, a = model.forward(torch.tensor([[1.0, 3.0]]))
    assert z[0].tolist() == [[4, -2]]
    assert a[1].tolist() == [[4, 0]]
    assert z[1].tolist() == [[0, 2]]
    p = 1 / (1 + np.exp(-2.0))  # softmax of (0, 2)
    assert a[2][0].tolist() == pytest.approx([1 - p, p])
    dW, db = model.gradients(torch.tensor([[1.0, 3.0]]), torch.tensor([1]))
    assert db[1].tolist() == pytest.approx([1 - p, p - 1])
    assert dW[1].flatten().tolist() == pytest.approx([4 * (1 - p), 4 * (p - 1), 0, 0])
    back = 0.5 * (p - 1)  # δ of the live neuron; the other is off
    assert db[0].tolist() == pytest.approx([back, 0])
    assert dW[0].flatten().tolist() == pytest.approx([back, 0, 3 * back, 0])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_fit_is_sgd_with_momentum(momentum):
    model = MLP(
        (5,), weight_decay=0.01, lr=0.05, momentum=momentum, batch_size=40, epochs=3, seed=4
    )
    first = MLP((5,), epochs=0, seed=4).fit(X, Y)
    weights = [W.clone().requires_grad_() for W in first.weights_]
    biases = [b.clone().requires_grad_() for b in first.biases_]
    peer = torch.optim.SGD([*weights, *biases], lr=0.05, momentum=momentum)
    generator = torch.Generator().manual_seed(4)
    for W in first.weights_:
        torch.randn(W.shape, generator=generator, dtype=W.dtype)  # as the first weights were
    history = []
    for _ in range(3):
        total = 0
        for rows in torch.randperm(150, generator=generator).split(40):
            peer.zero_grad()
            J = objective(model, X[rows], Y[rows], weights, biases)
            J.backward()
            peer.step()
            total += J.item() * len(rows)
        history.append(total / 150)
    model.fit(X, Y)
    for ours, theirs in zip([*model.weights_, *model.biases_], [*weights, *biases], strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert model.loss_history_ == pytest.approx(history, rel=1e-9)


def test_without_hidden_layers_it_is_softmax_regression():
    Z = (X - X.mean(0)) / X.std(0)
    ours = MLP((), weight_decay=0.01, lr=0.5, batch_size=150, epochs=3000).fit(Z, Y)
    peer = LogisticRegression(C=1 / (0.01 * 150), tol=1e-10, max_iter=10_000).fit(Z, Y)
    assert torch.allclose(ours.weights_[0].T, torch.tensor(peer.coef_), atol=1e-4)
    assert torch.allclose(ours.predict_proba(Z), torch.tensor(peer.predict_proba(Z)), atol=1e-5)


def test_first_step_equals_scikit_learns():
    """One full batch, no momentum: the same step from the same weights."""
    peer = MLPClassifier(
        (6, 4), "tanh", solver="sgd", alpha=0.3, batch_size=150, learning_rate_init=0.1, max_iter=1,
        momentum=0, shuffle=False,
    )  # fmt: skip
    model = started(hidden=(6, 4), activation="tanh", weight_decay=0.3 / 150)
    dW, db = model.gradients(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.partial_fit(X.numpy(), Y.numpy(), classes=[0, 1, 2])
    for ours, theirs in zip(model.weights_ + model.biases_, peer.coefs_ + peer.intercepts_,
                            strict=True):  # fmt: skip
        theirs[...] = ours.numpy()
    peer.partial_fit(X.numpy(), Y.numpy())
    for W, g, theirs in zip(model.weights_ + model.biases_, dW + db,
                            peer.coefs_ + peer.intercepts_, strict=True):  # fmt: skip
        assert np.allclose((W - 0.1 * g).numpy(), theirs, atol=1e-10)


def test_learns_what_no_line_can_separate():
    points, moon = make_moons(400, noise=0.1)
    assert (MLP((16, 16), lr=0.1, epochs=60).fit(points, moon).predict(points) == moon).all()


def test_digits():
    images, labels = load_mnist("train")
    images = images.flatten(1).float() / 255
    model = MLP(epochs=1).fit(images[:10_000], labels[:10_000])
    assert (model.predict(images[-4000:]) == labels[-4000:]).float().mean() > 0.9
    assert model.predict_proba(images[:50]).sum(1) == pytest.approx(torch.ones(50))


def test_labels_may_be_any_integers():
    names = torch.tensor([-5, 12, 30])
    one, other = MLP((4,), epochs=2).fit(X, Y), MLP((4,), epochs=2).fit(X, names[Y])
    assert other.classes_.tolist() == [-5, 12, 30]
    assert torch.equal(other.predict(X), names[one.predict(X)])
    assert one.loss_history_ == other.loss_history_
    dW, _ = other.gradients(X[:3], torch.tensor([30, 12, 12], dtype=torch.int32))
    assert dW[0].shape == (4, 4)


def test_extreme_logits_stay_finite():
    model = MLP((), lr=1e6, epochs=3).fit(1e3 * X.float(), Y)
    assert all(np.isfinite(model.loss_history_))
    assert model.predict_proba(X.float()).isfinite().all()


def test_fit_leaves_the_input_alone_and_twice_is_once():
    before, state = X.clone(), torch.get_rng_state()
    model = MLP((3,), epochs=2)
    once = MLP((3,), epochs=2).fit(X, Y)
    model.fit(X[:, :2], Y)
    assert model.fit(X, Y) is model
    for a, b in zip(model.weights_ + model.biases_, once.weights_ + once.biases_, strict=True):
        assert torch.equal(a, b)
    assert model.loss_history_ == once.loss_history_
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(MLP((3,), epochs=2, seed=9).fit(X, Y).weights_[0], once.weights_[0])


def test_gradients_change_nothing():
    model = started()
    before = [p.clone() for p in model.weights_ + model.biases_]
    z, a = model.forward(X)
    kept = [t.clone() for t in z + a]
    model.gradients(X, Y)
    assert all(map(torch.equal, model.weights_ + model.biases_, before))
    assert all(map(torch.equal, z + a, kept))


@pytest.mark.parametrize("activation", PHI)
def test_follows_its_input(activation, meta_default):
    model = MLP((3,), activation=activation, weight_decay=0.1, epochs=1).fit(X.float(), Y)
    z, a = model.forward(X.float())
    dW, db = model.gradients(X.float(), Y)
    tensors = [*model.weights_, *model.biases_, *z, *a, *dW, *db]
    assert {(t.device.type, t.dtype) for t in tensors} == {("cpu", torch.float32)}
    assert model.predict(X.float()).device.type == "cpu"


def test_no_graph_is_kept():
    model = MLP((3,), epochs=1).fit(X.clone().requires_grad_(), Y)
    assert not any(p.requires_grad for p in model.weights_ + model.biases_)


@pytest.mark.parametrize(
    ("parameters", "X_", "y_", "error", "message"),
    [
        ({"hidden": 5}, X, Y, TypeError, r"hidden must be a tuple, got 5; use \(5,\)"),
        ({"hidden": (5, 0)}, X, Y, ValueError, "hidden must lie between 1"),
        ({"activation": "step"}, X, Y, ValueError, "activation must be one of 'relu'"),
        ({"weight_decay": -1}, X, Y, ValueError, "weight_decay must lie"),
        ({"lr": -1}, X, Y, ValueError, "lr must lie"),
        ({"momentum": 1.5}, X, Y, ValueError, "momentum must lie between 0 and 1"),
        ({"batch_size": 0}, X, Y, ValueError, "batch_size must lie"),
        ({"epochs": -1}, X, Y, ValueError, "epochs must lie"),
        ({}, X, Y[:-1], ValueError, "expected 150, got 149"),
        ({}, X, Y.double(), TypeError, "integer class labels"),
        ({}, X, torch.ones_like(Y), ValueError, r"two classes or more, got \[1\] only"),
        ({}, X.log().log(), Y, ValueError, "NaN"),
        ({}, X.reshape(150, 2, 2), Y, ValueError, "flatten"),
    ],
)
def test_bad_input_is_named(parameters, X_, y_, error, message):
    with pytest.raises(error, match=message):
        MLP(**parameters).fit(X_, y_)


def test_later_input_is_checked():
    with pytest.raises(RuntimeError, match="not fitted"):
        MLP().predict(X)
    model = started()
    with pytest.raises(ValueError, match="X has 3 features, but fit saw 4"):
        model.forward(X[:, :3])
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=r"labels that fit saw, \[0, 1, 2\]"):
            model.gradients(X[:1], torch.tensor([wrong]))


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 400), ("tanh", 2 / 900)])
def test_the_first_weights_are_drawn_as_he_and_glorot_say(activation, variance):
    model = MLP((500,), activation=activation, epochs=0).fit(torch.rand(20, 400), torch.arange(20))
    assert model.weights_[0].var().item() == pytest.approx(variance, rel=0.02)  # of 200,000
    assert model.weights_[0].mean().abs() < 0.001


def test_batches_of_one_row_are_allowed():
    assert MLP((3,), epochs=1, batch_size=1).fit(X, Y).loss_history_[0] > 0


def test_gradients_of_bool_labels():
    X2, y = X[:100], Y[:100]
    of_ints, of_bools = (MLP((3,), epochs=0).fit(X2, labels) for labels in (y, y.bool()))
    for ours, expected in zip(
        of_bools.gradients(X2, y.bool()), of_ints.gradients(X2, y), strict=True
    ):
        assert all(map(torch.equal, ours, expected))


def test_by_default_a_step_takes_as_many_rows_as_that_of_train():
    assert MLP().batch_size == signature(train).parameters["batch_size"].default


def state(model):
    values = [model.classes_, *model.weights_, *model.biases_, torch.tensor(model.loss_history_)]
    return [model.n_features_in_, *[value.clone() for value in values]]


@pytest.mark.parametrize("what", ["one class", "NaN", "a label too few", "epochs", "interrupt"])
def test_a_fit_that_raises_leaves_the_earlier_state_whole(what, monkeypatch):
    model = MLP((3,), epochs=2).fit(X, Y)
    before, predicted = state(model), model.predict(X)
    other, labels = X[:, :2].clone(), Y
    if what == "one class":
        labels = torch.ones_like(Y)
    if what == "NaN":
        other[3, 1] = torch.nan
    if what == "a label too few":
        labels = Y[:-1]
    if what == "epochs":
        model.epochs = -1
    if what == "interrupt":
        monkeypatch.setattr(MLP, "_update", lambda *_: 1 / 0)
    with pytest.raises((ValueError, ZeroDivisionError)):
        model.fit(other, labels)
    monkeypatch.undo()
    now = state(model)
    assert now[0] == before[0] == 4
    assert all(map(torch.equal, now[1:], before[1:]))
    assert torch.equal(model.predict(X), predicted)


def test_labels_may_stay_on_the_cpu():
    """X on a device that is not here, y on the CPU: the labels follow."""
    X_, names = X.float(), torch.tensor([-5, 12, 30])[Y]
    expected = MLP((4,), epochs=2, weight_decay=0.01).fit(X_, names)
    with PretendMPS():
        model = MLP((4,), epochs=2, weight_decay=0.01).fit(pretend(X_), names)
        predicted = model.predict(pretend(X_))
        gradients = model.gradients(pretend(X_), names)
    assert {type(leaf) for leaf in [*model.weights_, model.classes_, predicted]} == {PretendTensor}
    assert torch.equal(plain(predicted), expected.predict(X_))
    for ours, theirs in zip(gradients, expected.gradients(X_, names), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert torch.allclose(plain(a), b, atol=1e-6)


def test_what_users_of_scikit_learn_expect():
    model = MLP((8,), activation="tanh", epochs=60)
    assert model.fit(X, Y).score(X, Y) == (model.predict(X) == Y).double().mean().item() > 0.9
    assert model.n_features_in_ == 4
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "weights_")
    assert repr(model) == "MLP(hidden=(8,), activation='tanh', epochs=60)"
    assert MLP().set_params(weight_decay=0.1).weight_decay == 0.1


def test_the_penalty_spares_the_biases():
    """No rows say anything but the bias: weight decay shrinks W to nothing, and b is as before."""
    same = torch.ones(90, 2, dtype=torch.float64)
    y = (torch.arange(90) < 60).long()
    model = MLP((), weight_decay=1.0, lr=0.3, batch_size=90, epochs=300).fit(same, y)
    assert model.weights_[0].abs().max() < 0.2
    odds = model.predict_proba(same)[0]
    assert odds[1].item() == pytest.approx(2 / 3, abs=0.01)

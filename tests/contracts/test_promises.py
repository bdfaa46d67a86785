"""What the docstrings promise in passing, and no other test asks for.

Each test quotes the promise, or says whose it is.
"""

import math
import re
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from torch import nn

from d4sci.data import make_blobs
from d4sci.dbscan import DBSCAN
from d4sci.distance import distance_blocks, distances
from d4sci.estimator import ConvergenceWarning
from d4sci.exercises import networks, overview
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.metrics import precision, roc_curve
from d4sci.mlp import MLP
from d4sci.model_selection import cross_val_score, learning_curve
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.preprocessing import MinMaxScaler, StandardScaler, one_hot
from d4sci.support.strata import mark_test_rows
from d4sci.svm import LinearSVM
from d4sci.training import History, evaluate, train

X, y = make_blobs(60, centers=2, n_features=3, std=4.0, seed=1)
Z = (X - X.mean(0)) / X.std(0)
numbers = X @ torch.tensor([1.0, 2.0, -1.0]) + 3
quiet = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")
both_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])

FITTED = {
    "KMeans": lambda: KMeans(3).fit(X),
    "DBSCAN": lambda: DBSCAN(3.0).fit(X),
    "PCA": lambda: PCA(2).fit(X),
    "KNeighborsClassifier": lambda: KNeighborsClassifier().fit(X, y),
    "LinearRegression": lambda: LinearRegression().fit(X, numbers),
    "LinearRegression, gd": lambda: LinearRegression(solver="gd").fit(Z, numbers),
    "LogisticRegression": lambda: LogisticRegression().fit(X, y),
    "LogisticRegression, gd": lambda: LogisticRegression(solver="gd").fit(Z, y),
    "LinearSVM": lambda: LinearSVM().fit(X, y),
    "LinearSVM, subgradient": lambda: LinearSVM(solver="subgradient").fit(Z, y),
    "MLP": lambda: MLP(epochs=1).fit(Z, y),
    "StandardScaler": lambda: StandardScaler().fit(X),
    "MinMaxScaler": lambda: MinMaxScaler().fit(X),
}


@quiet
@pytest.mark.parametrize("name", FITTED)
def test_fit_sets_what_the_docstring_lists_and_nothing_else(name):
    model = FITTED[name]()
    promised = type(model).__doc__.split("`fit` sets", 1)[1].split("Raises")[0]
    listed = set(re.findall(r"\b[a-z]\w*_\b", promised))
    assert listed == {key for key in vars(model) if key.endswith("_")}


@quiet
@both_dtypes
@pytest.mark.parametrize("seed", range(4))
def test_histories_never_rise_by_more_than_rounding(seed, dtype):
    """Of KMeans on both paths, and of gradient descent with lr=None."""
    A, labels = make_blobs(40, centers=3, n_features=2, std=3.0, seed=seed)
    A, start = A.to(dtype), A[:4].to(dtype)
    start[2:] += 1e3  # two clusters that lose all their points
    for model in (
        KMeans(4, init=start),
        KMeans(4, init=start, algorithm="lloyd"),
        LinearRegression(solver="gd", max_iter=100),
        LogisticRegression(solver="gd", max_iter=100, C=100.0),
    ):
        model.fit(A, labels if isinstance(model, LogisticRegression) else A[:, 0] ** 2)
        history = getattr(model, "inertia_history_", None) or model.loss_history_
        assert model.n_iter_ == len(history) - 1 > 0
        rounding = 8 * torch.finfo(dtype).eps * history[0]
        assert all(later <= before + rounding for before, later in pairwise(history))


@both_dtypes
@pytest.mark.parametrize("algorithm", ["hamerly", "lloyd"])
def test_k_means_tells_one_story(algorithm, dtype):
    A = X.to(dtype)
    model = KMeans(5, algorithm=algorithm, n_init=3).fit(A)
    assert torch.equal(model.predict(A), model.labels_)
    own = (A - model.cluster_centers_[model.labels_]).double().square().sum().item()
    assert model.inertia_ == model.inertia_history_[-1] == pytest.approx(own, rel=1e-6)
    assert model.score(A) == pytest.approx(-own, rel=1e-6)


def test_core_points_are_listed_upwards_and_number_the_clusters():
    model = DBSCAN(3.0, 3).fit(X)
    core = model.core_sample_indices_
    assert (core.diff() > 0).all()
    firsts = [int((model.labels_[core] == c).nonzero()[0]) for c in range(model.labels_.max() + 1)]
    assert len(firsts) > 1
    assert firsts == sorted(firsts)


@both_dtypes
@pytest.mark.parametrize("solver", ["svd", "covariance"])
def test_principal_coordinates_are_u_sigma(solver, dtype):
    A = X.to(dtype)
    model = PCA(solver=solver).fit(A)
    U, sigma, _ = torch.linalg.svd(A - A.mean(0), full_matrices=False)
    tolerance = 100 * torch.finfo(dtype).eps * sigma[0].item()
    assert torch.allclose(model.transform(A).abs(), (U * sigma).abs(), atol=tolerance)
    assert model.explained_variance_ratio_.sum().item() == pytest.approx(1)


def test_neighbours_keep_x_itself_and_for_cosine_a_copy():
    def memory(model):
        return model.fit(X, y)._training.untyped_storage().data_ptr()

    assert memory(KNeighborsClassifier()) == X.untyped_storage().data_ptr()
    assert memory(KNeighborsClassifier(metric="cosine")) != X.untyped_storage().data_ptr()


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_of_equal_votes_the_lowest_label_wins(weights):
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        half = torch.rand(3, 2, generator=rng)
        model = KNeighborsClassifier(6, weights=weights)
        model.fit(torch.cat([half, -half]), torch.tensor([7, 7, 7, -2, -2, -2]))
        assert model.predict(torch.zeros(1, 2)).tolist() == [-2]


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_the_dual_variables_of_the_svm_are_feasible(C):
    """0 ≤ α ≤ C and Σ α y = 0, so that P ≥ D: the gap is nowhere below 0."""
    A = X.double()
    model = LinearSVM(C).fit(A, y)
    sign = torch.where(y == 1, 1.0, -1.0)[model.support_]
    alpha = model.dual_coef_[0] * sign
    assert alpha.min() > 0
    assert alpha.max() <= C * (1 + 1e-9)
    assert model.dual_coef_.sum().abs() <= 1e-6 * alpha.sum()
    assert (model.support_.diff() > 0).all()
    assert min(model.gap_history_) >= 0
    assert model.duality_gap_ == model.gap_history_[-1]
    hinge = (1 - torch.where(y == 1, 1.0, -1.0) * model.decision_function(A)).clamp(min=0).sum()
    P = model.coef_.square().sum() / 2 + C * hinge
    assert model.duality_gap_ <= 1e-9 * P * (1 + 1e-6)
    assert model.margin_ == pytest.approx(1 / model.coef_.norm().item())


def test_the_descent_of_the_svm_always_warns_where_scales_differ_more_than_tenfold():
    scales = torch.tensor([1.0, 10.1, 1.0])
    with pytest.warns(ConvergenceWarning):
        LinearSVM(solver="subgradient", max_iter=2000).fit(Z * scales, y)


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_the_loss_of_an_epoch_is_the_mean_over_its_rows_penalty_included(batch_size):
    options = {"hidden": (4,), "weight_decay": 0.1, "batch_size": batch_size, "lr": 0.0}
    model = MLP(epochs=2, **options).fit(Z.double(), y)
    loss = -model.predict_proba(Z.double()).gather(1, y[:, None]).log().mean()
    J = loss + 0.05 * sum(W.square().sum() for W in model.weights_)
    assert model.loss_history_ == pytest.approx([J.item()] * 2)
    assert MLP(epochs=0).fit(Z, y).loss_history_ == []


def test_train_notes_means_over_rows_however_the_batches_fall():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    still = torch.optim.SGD(model.parameters(), lr=1e-30)
    loss_fn = nn.CrossEntropyLoss()
    history = train(model, Z, y, loss_fn=loss_fn, optimizer=still, batch_size=7, epochs=2)
    expected = evaluate(model, Z, y, loss_fn=loss_fn)["loss"]
    assert history.loss == pytest.approx([expected] * 2, rel=1e-6)
    assert history.learning_rate == [1e-30] * 2


def test_the_best_epoch_is_the_first_of_the_lowest_validation_losses():
    for losses, best in (([2.0, 1.0, 1.0], 1), ([math.nan, 3.0], 1), ([math.nan] * 2, 0)):
        assert History(loss=[0.0] * len(losses), validation_loss=losses).best_epoch == best
    assert History(loss=[3.0, 2.0]).best_epoch == 1


class Recorder:
    """A model that notes the rows of each fit."""

    seen: ClassVar = []

    def fit(self, X, y):
        self.seen.append(X[:, 0].tolist())  # of the class: copies share it

    def predict(self, X):
        return torch.zeros(len(X), dtype=torch.long)


def test_larger_training_sets_contain_the_smaller_and_the_model_stays_as_it_is():
    Recorder.seen.clear()
    model, rows = Recorder(), torch.arange(30.0)[:, None]
    labels = torch.zeros(30, dtype=torch.long)
    scores = learning_curve(model, rows, labels, [5, 10, 20], k=3)
    assert [s.shape for s in scores] == [(3, 3), (3, 3)]
    for fold in range(3):
        five, ten, twenty = Recorder.seen[fold::3]
        assert (len(five), len(ten), len(twenty)) == (5, 10, 20)
        assert (five, ten) == (ten[:5], twenty[:10])
    scores = cross_val_score(model, rows, labels)
    assert (scores.dtype, scores.device.type, vars(model)) == (torch.float64, "cpu", {})


def test_the_first_rows_of_each_class_are_marked():
    labels = torch.tensor([5, 3, 5, 3, 3, 5, 5, 5])
    assert mark_test_rows(labels, 3).tolist() == [True, True, True] + [False] * 5


def test_rows_of_zeros_by_cosine():
    """0 from itself where Y is left out, else 1; equal rows with a direction are 0 apart."""
    A = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 1.0], [3.0, 1.0]])
    D = distances(A, metric="cosine")
    assert D.tolist() == [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert distances(A, A.clone(), metric="cosine").diagonal().tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("most", [1, 6, 7, 13, 14, 10**6])
def test_no_block_holds_more_numbers_than_asked_for_unless_a_row_does(most):
    A, B = X[:10], X[20:27]
    blocks = [D for _, D in distance_blocks(A, B, max_elements=most)]
    assert max(D.numel() for D in blocks) <= max(most, 7)
    assert torch.equal(torch.cat(blocks), distances(A, B))


def test_new_tensors_have_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert one_hot(torch.tensor([1, 0])).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert one_hot(torch.tensor([1, 0])).dtype == torch.float32


def test_binary_scores_of_one_class():
    """Two classes without `pos_label` are refused; one alone has nothing that is positive."""
    only = torch.tensor([5, 5])
    assert precision(only, only) == 0
    with pytest.raises(ValueError, match="pos_label must be one of"):
        precision(only, torch.tensor([5, 6]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_roc_curve_is_of_the_dtype_of_the_scores(dtype):
    curve = roc_curve(y, torch.linspace(0, 1, 60).round(decimals=1).to(dtype))
    assert {v.dtype for v in curve} == {dtype}
    assert {v.shape for v in curve} == {(12,)}
    assert curve[2][0] == math.inf
    assert (curve[2].diff() < 0).all()


def test_checkers_call_the_learner_on_copies(capsys):
    def rude(rewards, gamma):
        result = (gamma ** torch.arange(len(rewards)) * rewards).sum()
        rewards.zero_()
        return result

    def careless(delta, W, a):
        return (delta @ W.T).mul_(a.sign_())

    for _ in range(2):
        overview.check_return(rude)
        networks.check_backward(careless)
    assert capsys.readouterr().out.count("Correct") == 4

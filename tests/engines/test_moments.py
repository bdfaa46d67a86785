"""moments: the mean and n − 1 times the covariance, against NumPy in float64."""

from threading import Event, Thread

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController

from d4sci.engines import moments as module
from d4sci.engines.moments import BLOCK, find_origin, mean_variance, moments

G = torch.Generator().manual_seed(0)
NORMAL = torch.randn(3 * BLOCK + 5, 4, generator=G) * torch.tensor([1.0, 2.0, 3.0, 0.1])
CASES = {
    "many blocks": NORMAL,
    "shifted": NORMAL + 1e4,
    "sorted": NORMAL.sort(0).values,
    "drifting": NORMAL + torch.arange(len(NORMAL))[:, None] / 10,
    "one feature": NORMAL[:, :1],
    "equal rows": NORMAL[:1].expand(50, 4),
    "one row": NORMAL[:1],
    "more features than rows": NORMAL[:40].T.contiguous(),
    "not contiguous": NORMAL.T.contiguous().T[::2],
}


def oracle(X):
    X = X.double().numpy()
    return X.mean(0), len(X) * np.cov(X.T, ddof=0).reshape(X.shape[1], X.shape[1])


@pytest.mark.parametrize("float64", [False, True])
@pytest.mark.parametrize("X", CASES.values(), ids=CASES)
def test_against_numpy(X, float64):
    before = X.clone()
    mean, S = moments(X, float64=float64)
    assert mean.dtype == S.dtype == (torch.float64 if float64 else torch.float32)
    true_mean, true_S = oracle(X)
    spread = np.sqrt(np.diag(true_S))
    eps = 1e-13 if float64 else 2e-6
    if not float64 and X is CASES["drifting"]:  # from 0, a mean of 1.7σ makes squares four times
        eps = 5e-6
    # One unit in the last place of the mean is all that its digits can tell.
    assert np.allclose(
        mean, true_mean, rtol=eps / 10, atol=eps * (1 + spread.max() / len(X) ** 0.5)
    )
    assert np.all(np.abs(S.numpy() - true_S) <= eps * np.outer(spread, spread) + 1e-30)
    assert torch.equal(S, S.T)
    assert torch.equal(X, before)


def test_float64_stays_float64():
    mean, S = moments(NORMAL.double())
    assert mean.dtype == S.dtype == torch.float64
    true_mean, true_S = oracle(NORMAL)
    assert np.allclose(mean, true_mean, atol=1e-14)
    assert np.allclose(S, true_S, rtol=1e-12)


def test_the_block_does_not_matter(monkeypatch):
    whole = moments(NORMAL, float64=True)
    monkeypatch.setattr("d4sci.engines.moments.BLOCK", 7)
    small = moments(NORMAL, float64=True)
    for a, b in zip(whole, small, strict=True):
        assert torch.allclose(a, b, rtol=1e-12)


def numbers():
    """Return how many threads each library that multiplies for NumPy takes."""
    found = ThreadpoolController().select(user_api="blas").info()
    return [library["num_threads"] for library in found]


@pytest.mark.parametrize("threads", [1, 2])
def test_products_use_as_many_threads_as_pytorch(threads, monkeypatch):
    """NumPy's products have threads of their own, which `torch.set_num_threads` does not reach."""
    seen, before, add = [], (torch.get_num_threads(), numbers()), module._add

    def watch(*parts):
        seen.append(numbers())
        add(*parts)

    monkeypatch.setattr(module, "_add", watch)
    torch.set_num_threads(threads)
    try:
        moments(NORMAL)
    finally:
        torch.set_num_threads(before[0])
    assert seen == [[threads] * len(before[1])]
    assert numbers() == before[1]


def set_numbers(threads):
    """Set how many threads NumPy's products take: in a thread, as the first to set it owns it."""

    def work():
        for library in ThreadpoolController().select(user_api="blas").lib_controllers:
            library.set_num_threads(threads)

    thread = Thread(target=work)
    thread.start()
    thread.join()


def test_fits_that_overlap_leave_the_threads_as_they_were(monkeypatch):
    """One starts, the other starts, the first ends, the other ends."""
    add, inside, leave = module._add, [Event(), Event()], [Event(), Event()]

    def wait(X, *parts):
        one = int(X[0, 0])
        inside[one].set()
        assert leave[one].wait(10)
        add(X, *parts)

    monkeypatch.setattr(module, "_add", wait)
    fits = [Thread(target=moments, args=(torch.full((3, 2), float(one)),)) for one in (0, 1)]
    n_torch, n_numpy = torch.get_num_threads(), numbers()[0]
    torch.set_num_threads(1)
    set_numbers(2)
    before = numbers()
    try:
        fits[0].start()
        assert inside[0].wait(10)
        fits[1].start()
        inside[1].wait(0.2)  # unless it waits for its turn
        for one in (0, 1):
            leave[one].set()
            fits[one].join()
        assert numbers() == before
    finally:
        torch.set_num_threads(n_torch)
        set_numbers(n_numpy)


@pytest.mark.parametrize("X", CASES.values(), ids=CASES)
def test_the_mean_variance(X):
    true = X.double().var(0, correction=0).mean().item()
    assert mean_variance(X).item() == pytest.approx(true, rel=1e-4, abs=1e-12)
    assert mean_variance(X.double()).item() == pytest.approx(true, rel=1e-12)


def test_new_tensors_are_made_from_old_ones(meta_default):
    for A in moments(NORMAL, float64=True):
        assert A.device.type == "cpu"


def test_the_origin_is_0_unless_that_is_far():
    assert find_origin(NORMAL).tolist() == [0, 0, 0, 0]
    assert torch.allclose(find_origin(NORMAL + 1e4), torch.tensor(1e4), rtol=1e-3)
    one_far = NORMAL + torch.tensor([0, 0, 0, 5.0])
    assert torch.allclose(find_origin(one_far), one_far.mean(0), atol=0.5)
    assert find_origin(torch.full((7, 2), 3.0)).tolist() == [3, 3]
    assert find_origin(torch.zeros(7, 2)).tolist() == [0, 0]

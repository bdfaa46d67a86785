"""The device is the machine's own, and every value finds its way back to NumPy."""

import numpy as np
import pytest
import torch

from d4sci.device import get_device, seeded, to_numpy


def test_device_is_one_on_which_tensors_can_be_made():
    device = get_device()
    assert isinstance(device, torch.device)
    assert torch.ones(2, device=device).sum().item() == 2


def test_without_an_accelerator_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert get_device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps", "xpu"])
def test_an_accelerator_comes_first(name, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(name))
    assert get_device() == torch.device(name)


def test_the_default_device_changes_nothing():
    outside = get_device()
    with torch.device("meta"):
        assert get_device() == outside


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_dtype_and_values_stay(dtype):
    x = torch.tensor([[0, 1], [1, 1]], dtype=dtype)
    a = to_numpy(x)
    assert isinstance(a, np.ndarray)
    assert a.dtype == np.dtype(str(dtype).removeprefix("torch."))
    np.testing.assert_array_equal(a, [[0, 1], [1, 1]])


NARROW = [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]


@pytest.mark.parametrize("dtype", NARROW)
def test_what_numpy_has_no_type_for_becomes_float32(dtype):
    x = torch.tensor([[0.5, -1.75], [448, 2**-6]]).to(dtype)
    a = to_numpy(x.requires_grad_())
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, x.detach().double().numpy())


def test_values_behind_a_lazy_sign_or_conjugate_are_taken():
    z = torch.tensor([1 + 2j])
    np.testing.assert_array_equal(to_numpy(z.conj()), [1 - 2j])
    np.testing.assert_array_equal(to_numpy(z.conj().imag), [-2])


def test_a_graph_is_left_behind():
    w = torch.ones(3, requires_grad=True)
    np.testing.assert_array_equal(to_numpy(2 * w), [2, 2, 2])
    assert w.requires_grad


def test_a_cpu_tensor_shares_its_memory():
    x = torch.zeros(2)
    to_numpy(x)[0] = 5
    assert x[0] == 5


@pytest.mark.parametrize("values", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0])])
def test_lists_and_arrays_pass(values):
    np.testing.assert_array_equal(to_numpy(values), [1.0, 2.0])


def test_a_number_is_an_array_without_axes():
    assert to_numpy(3.5).shape == ()
    assert to_numpy(torch.tensor(3.5)) == 3.5


def test_an_array_is_not_copied():
    a = np.ones(3)
    assert to_numpy(a) is a


def test_seeded():
    first, second = (torch.rand(3, generator=seeded(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(3, generator=seeded(6)))
    assert torch.equal(first, torch.rand(3, generator=seeded(np.int64(5))))


@pytest.mark.parametrize(("seed", "error"), [("3", TypeError), (None, TypeError), (1.5, TypeError),
                                             (True, TypeError), (-1, ValueError)])  # fmt: skip
def test_seeds_that_are_none(seed, error):
    with pytest.raises(error, match="seed must"):
        seeded(seed)


def test_a_list_of_tensors_is_taken_too():
    """Losses that were collected with their graphs."""
    losses = [torch.tensor(2.0, requires_grad=True) * i for i in range(3)]
    np.testing.assert_array_equal(to_numpy(losses), [0, 2, 4])
    np.testing.assert_array_equal(to_numpy((torch.ones(2).bfloat16(), [3, 4])), [[1, 1], [3, 4]])

"""Whatever the device: every public name of a lesson gives there what it gives on the CPU.

`device_cases` has a call of each. Without a GPU they are made under a default device on which
forgotten tensors are lost, and on a device that pretends to be Apple's; where there is an
accelerator (CUDA, ROCm, XPU or MPS), on that too.
"""

import inspect
from importlib import import_module

import pytest
import torch

from d4sci import estimator
from tests.project.test_layers import NAMES, floor
from tests.support.device_cases import CASES, ON_THE_CPU, X, flat
from tests.support.pretend_mps import PretendMPS, PretendTensor, has_mps, plain, pretend

# Lessons and what notebooks use beside them; plumbing and engines are called by these.
MODULES = [
    import_module(f"d4sci.{name}")
    for name in sorted(NAMES - {"", "__main__"})
    if "." not in name and name not in ("support", "engines") and floor(name) <= floor("training")
]
ACCELERATOR = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
ABSENT = f"NO ACCELERATOR HERE: none of the {len(CASES)} calls was compared with one"
CLOSE = {"rtol": 2e-2, "atol": 1e-2}  # TensorFloat-32 in convolutions, sums in another order
LEAVES_MPS = {"in_float64", "off_mps"}
NOT_ON_MPS = {"load_checkpoint", "check_"}  # a pretended tensor cannot go through a file


def same(value):
    return value


def demand_equal(found, expected, **close):
    """Fail unless the two lists of tensors and numbers are equal, or nearly so."""
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, torch.Tensor):
            tolerance = close if b.is_floating_point() and close else {"rtol": 0, "atol": 0}
            torch.testing.assert_close(a.cpu(), b, **tolerance, equal_nan=True)
        else:
            loose = close and isinstance(b, float)
            assert a == (pytest.approx(b, rel=2e-2, abs=1e-2) if loose else b)


def on_device(name, device):
    """Return what a case gives on a device, and fail where it comes back from elsewhere."""
    found = flat(CASES[name](lambda value: value.to(device)))
    where = {leaf.device.type for leaf in found if isinstance(leaf, torch.Tensor)}
    home = "cpu" if name in ON_THE_CPU or (name in LEAVES_MPS and device.type == "mps") else None
    if (name, device.type) == ("moments", "mps"):
        where.discard("cpu")  # where it adds in float64
    assert where <= {home or device.type}
    return found


def adam_forgets():
    """Tell whether this PyTorch's Adam counts its steps on the default device, as older ones do."""
    weight = torch.ones(1, requires_grad=True)
    weight.sum().backward()
    with torch.device("meta"):
        try:
            torch.optim.Adam([weight]).step()
        except RuntimeError:
            return True
    return False


@pytest.fixture(scope="module")
def expected():
    """Return what a case gives on the CPU; each is made once."""
    known = {}
    return lambda name: known.setdefault(name, flat(CASES[name](same)))


@pytest.mark.parametrize("name", [name for name in CASES if name != "check_"])
def test_nothing_is_made_on_the_default_device(name, expected, request):
    wanted = expected(name)
    if name in ("train_gan", "fit_nodes", "node_accuracy") and adam_forgets():
        pytest.skip("the Adam of this PyTorch counts its steps on the default device")
    request.getfixturevalue("meta_default")
    found = flat(CASES[name](same))
    assert {leaf.device.type for leaf in found if isinstance(leaf, torch.Tensor)} <= {"cpu"}
    demand_equal(found, wanted)


@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_ON_MPS])
def test_on_mps_no_float64_and_no_operation_that_it_lacks(name, expected):
    with PretendMPS() as mps:
        found = flat(CASES[name](pretend))
    made = {type(leaf) for leaf in found if isinstance(leaf, torch.Tensor)}
    home = torch.Tensor if name in ON_THE_CPU | LEAVES_MPS else PretendTensor
    assert made <= {home} or name == "moments"  # which adds in float64 on the CPU
    assert mps.missing() == []
    demand_equal([plain(leaf) for leaf in found], expected(name), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CASES if ACCELERATOR else ["no accelerator here"])
def test_an_accelerator_gives_what_the_cpu_gives(name, expected, capsys):
    if ACCELERATOR is None:
        with capsys.disabled():  # a skipped test is a letter among two thousand
            print(f"\n{ABSENT}")
        pytest.skip(ABSENT)
    found = on_device(name, ACCELERATOR)
    if name == "check_":
        assert found == []
    else:
        demand_equal(found, expected(name), **CLOSE)


def test_checks_look_at_no_device(meta_default):
    CASES["check_"](same)


def test_every_public_name_has_a_case():
    public = set()
    for module in MODULES:
        public |= {
            key
            for key, value in vars(module).items()
            if inspect.getmodule(value) is module and callable(value) and not key.startswith("_")
        }
    public -= {key for key in vars(estimator) if not key.startswith("_")}  # every lesson's base
    assert public <= CASES.keys()
    assert CASES.keys() > ON_THE_CPU | NOT_ON_MPS


# --- each of these would be seen


@pytest.mark.parametrize("forgetful", [lambda: X + torch.zeros(6, 2), lambda: X * torch.ones(())])
def test_a_tensor_that_forgets_its_device_is_seen(forgetful, meta_default):
    with pytest.raises(RuntimeError, match="meta"):
        forgetful()


@pytest.mark.filterwarnings("ignore:Sparse CSR")  # that it is young, said once in a process
@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda A: A + torch.ones(6, 2), RuntimeError, "found tensors on mps:0 and on cpu"),
        (lambda A: A.index_select(0, torch.arange(2)), RuntimeError, "on mps:0 and on cpu"),
        (lambda A: X[A[:, 0] > 1], RuntimeError, "indices should be on the cpu"),
        (lambda A: X.clone()[A[:, 0].long()], RuntimeError, "indices should be on the cpu"),
        (lambda A: X.clone().__setitem__(A > 1, 0.0), RuntimeError, "indices should be on the cpu"),
        (lambda A: A.double(), TypeError, "MPS has no float64"),
        (lambda A: A.to(torch.float64), TypeError, "MPS has no float64"),
        (lambda A: A @ torch.eye(2, dtype=torch.float64, device=A.device), TypeError, "float64"),
        (lambda A: A.new_zeros(2, dtype=torch.float64), TypeError, "MPS has no float64"),
        (lambda A: A.numpy(), TypeError, "can't convert mps:0"),
        (lambda A: torch.eye(2, device=A.device).to_sparse_csr(), NotImplementedError, "CSR"),
    ],
)
def test_what_mps_refuses_is_refused(wrong, error, text):
    with PretendMPS(), pytest.raises(error, match=text):
        wrong(pretend(X))


def test_what_mps_allows_is_allowed():
    with PretendMPS() as mps:
        A = pretend(X)
        assert A.device == torch.device("mps:0")
        assert (A * 2 + torch.tensor(1.0)).device.type == "mps"
        assert A[torch.tensor([1, 2])].device.type == "mps"
        assert torch.zeros(2, device=A.device).device.type == "mps"
        assert A.cpu().double().float().to(A).device.type == "mps"
        assert torch.ones(6, 2).device.type == "cpu"
        w = pretend(torch.ones(2)).requires_grad_()
        (A @ w).sum().backward()
        assert torch.equal(w.grad.cpu(), X.sum(0))
    assert mps.missing() == []


def test_an_operation_that_mps_lacks_is_seen():
    with PretendMPS() as mps:
        torch.linalg.eig(pretend(torch.eye(2)).to(torch.complex64))
    assert mps.missing() == ["linalg_eig"]
    assert has_mps("sort.stable")  # of its own name or of the one that it is made from
    assert has_mps("reshape")  # made from others


@pytest.mark.parametrize("name", [name for name in CASES if name != "check_"])
def test_the_comparison_runs(name, expected):
    """On the CPU itself, as on an accelerator, so that it cannot fail there by its own fault."""
    demand_equal(on_device(name, torch.device("cpu")), expected(name))


@pytest.mark.parametrize("damage", [lambda A: A * 1.1, lambda A: A[1:], lambda A: A.double()])
def test_a_device_that_computes_otherwise_is_seen(damage):
    with pytest.raises(AssertionError):
        demand_equal([damage(X)], [X], **CLOSE)

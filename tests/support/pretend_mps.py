"""A device that is not here: tensors of the CPU that behave as those of Apple's GPU (MPS) would.

Inside `with PretendMPS()`, `pretend(X)` says that it lies on `mps`. It meets no tensor of the CPU,
but for single numbers and indices in brackets; it has no float64; and each operation on it, down to
those of PyTorch's core, must be one that MPS has, as PyTorch's own table of operations says.
"""

import re
from functools import cache
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MPS, CPU = torch.device("mps:0"), torch.device("cpu")
# The table says that these run on any device; what they are made from does not.
INNER = {"cholesky_solve": "_cholesky_solve_helper", "kthvalue": "kthvalue.values"}
ANY_DEVICE = r"\b(CompositeExplicitAutograd\w*|CompositeImplicitAutograd\w*|MPS)\b"
OF_A_LEAF = ("__get__", "__set__", "requires_grad_", "backward")  # not of what shares its memory
INDEXING = {torch.Tensor.__getitem__, torch.Tensor.__setitem__}
MIXED = {*INDEXING, torch.Tensor.to, torch.Tensor.copy_}


class PretendTensor(torch.Tensor):
    """A tensor that says it lies on MPS."""


def pretend(value):
    """Return a tensor that says it lies on MPS, or a module whose parameters do."""
    if isinstance(value, torch.Tensor):
        return value.as_subclass(PretendTensor)
    for module in value.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = pretend(p.detach()).requires_grad_()
        for name, buffer in module._buffers.items():
            module._buffers[name] = pretend(buffer)
    return value


def plain(value):
    return value.as_subclass(torch.Tensor) if isinstance(value, PretendTensor) else value


@cache
def table():
    """Return {operation: (dispatch keys, the operation that it is made from)} of this PyTorch."""
    import torchgen

    folder = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native"
    text = (folder / "native_functions.yaml").read_text(encoding="utf-8")
    found = {}
    for block in re.split(r"^- func: ", text, flags=re.MULTILINE)[1:]:
        keys = re.search(r"^  dispatch:\n((?:    .*\n| *#.*\n)*)", block, re.MULTILINE)
        origin = re.search(r"^  structured_delegate: (\S+)", block, re.MULTILINE)
        names = re.findall(r"^    ([^#:\n]+):", keys[1], re.MULTILINE) if keys else []
        found[block.partition("(")[0]] = ", ".join(names), origin and origin[1]
    return found


def has_mps(name):
    """Tell whether MPS has an operation, such as "sort.stable", without help from the CPU."""
    keys, origin = table().get(INNER.get(name, name), ("", None))
    if origin:
        return has_mps(origin)
    return not keys or bool(re.search(ANY_DEVICE, keys))


class Recorder(TorchDispatchMode):
    """Note the operations of PyTorch's core; refuse to make a float64."""

    def __init__(self, operations):
        super().__init__()
        self.operations = operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        name = func._schema.name.removeprefix("aten::")
        self.operations.add(f"{name}.{func._schema.overload_name}".rstrip("."))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.dtype in (torch.float64, torch.complex128):
                raise TypeError(f"MPS has no float64, but {name} made some")
        return out


class PretendMPS(TorchFunctionMode):
    """Within this, tensors from `pretend` are on MPS.  operations: what was done to them."""

    def __init__(self):
        super().__init__()
        self.operations = set()

    def missing(self):
        """Return the operations that MPS does not have."""
        return sorted(name for name in self.operations if not has_mps(name))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        mine = any(isinstance(leaf, PretendTensor) for leaf in leaves)
        if func == torch.Tensor.device.__get__:
            return MPS if mine else func(*args)
        if getattr(func, "__name__", "") in OF_A_LEAF:
            with torch._C.DisableTorchFunctionSubclass():
                return as_pretended(func(*args, **kwargs), mine)
        if func is torch.Tensor.numpy and mine:
            raise TypeError("can't convert mps:0 device type tensor to numpy")
        check_together(func, args, leaves, mine)
        goal = target(func, args, leaves, mine)
        args, kwargs = tree_map(on_cpu, (args, kwargs))
        if goal == CPU or not (mine or goal):
            return func(*args, **kwargs)
        with Recorder(self.operations):
            out = func(*args, **kwargs)
        return as_pretended(out, True)


def as_pretended(value, wanted):
    def one(x):
        if not (wanted and isinstance(x, torch.Tensor)) or isinstance(x, PretendTensor):
            return x
        if x.layout == torch.sparse_csr:
            raise NotImplementedError("MPS has no sparse CSR matrices")
        return pretend(x)

    return tree_map(one, value)


def on_cpu(value):
    """Return what stands for a value: plain tensors, and the CPU for MPS."""
    return CPU if is_device(value) and torch.device(value).type == "mps" else plain(value)


def is_device(value):
    return isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "mps"))


def check_together(func, args, leaves, mine):
    """Raise where a tensor of MPS meets one of the CPU; an index may come from the CPU alone."""
    others = [
        leaf
        for leaf in leaves
        if isinstance(leaf, torch.Tensor) and not isinstance(leaf, PretendTensor) and leaf.ndim
    ]
    if mine and others and func not in MIXED:
        raise RuntimeError(f"{func.__name__}: found tensors on mps:0 and on cpu")
    if func in INDEXING:
        found = [isinstance(leaf, PretendTensor) for leaf in tree_leaves(args[1])]
        if any(found) and not isinstance(args[0], PretendTensor):
            raise RuntimeError("indices should be on the cpu, as the tensor, got some on mps:0")


def target(func, args, leaves, mine):
    """Return where the result of a call goes: MPS, CPU, or None for where the inputs are."""
    if func is torch.Tensor.cpu:
        return CPU
    if func is torch.Tensor.to and isinstance(args[1], torch.Tensor):
        return MPS if isinstance(args[1], PretendTensor) else CPU
    if func is torch.Tensor.__setitem__ or func is torch.Tensor.copy_:
        return MPS if isinstance(args[0], PretendTensor) else CPU
    named = [torch.device(leaf) for leaf in leaves if is_device(leaf)]
    return (MPS if named[0].type == "mps" else CPU) if named else None

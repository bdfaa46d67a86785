"""What no code of the course may do: a list of (line, what) for a piece of Python source."""

import ast
import re

UNPICKLES = r"(pickle|_pickle|dill|cloudpickle|joblib|shelve|marshal)\b|torch\.(jit|package)\b"
UNPICKLES += r"|.*\.(read_pickle|Unpickler)$|yaml\.(load|unsafe_load|full_load)(_all)?$"
CODE = r"(eval|exec|compile|__import__|builtins\..*|runpy\..*|importlib\.import_module)$"
ARCHIVES = r"(tarfile|zipfile|bz2|lzma|zlib)\b|shutil\.unpack_archive$|gzip\.(open|GzipFile)$"
SHELLS = (
    r"(subprocess|pty|pexpect|multiprocessing)\b|os\.(system|popen|exec|spawn|posix_spawn|fork)"
)
SHELLS += (
    r"|(IPython\.|.*\.)?(get_ipython|run_line_magic)$|asyncio\.create_subprocess|.*\.start_file$"
)
NETWORK = r"(socket|ssl|urllib|urllib3|http|ftplib|smtplib|telnetlib|xmlrpc|webbrowser|requests"
NETWORK += r"|httpx|aiohttp|websocket|paramiko|huggingface_hub)\b|torch\.hub\b|asyncio\.open_conn"
NETWORK += r"|.*\.(load_state_dict_from_url|fetch_openml|load_dataset|urlretrieve)$"
NETWORK += r"|torchvision\.models\.get_model$|.*\.(create_connection|urlopen)$"
RULES = {
    "unpickles": UNPICKLES,
    "runs text as code": CODE,
    "unpacks an archive": ARCHIVES,
    "starts a program": SHELLS,
    "goes to the network": NETWORK,
}


def faults(source):
    """Return what a source does that a rule names, as a sorted list of (line, what, name).

    Sources in its strings count too: a notebook hands them to `python -c`.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [(error.lineno or 0, "is not plain Python", (error.text or "").strip())]
    origins = {local: whole for node in ast.walk(tree) for local, whole, _ in imports(node)}
    found = set()
    for node in ast.walk(tree):
        names = [imported for *_, imported in imports(node)]
        if isinstance(node, ast.Call):
            names.append(dotted(node.func, origins))
            found |= {(node.lineno, *fault) for fault in call_faults(node, names[-1])}
        if isinstance(node, ast.Attribute):  # also a function that is handed on: f = os.system
            names.append(dotted(node, origins))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {(node.lineno, *fault[1:]) for fault in text_faults(node.value)}
        found |= {
            (node.lineno, what, name)
            for what, pattern in RULES.items()
            for name in names
            if re.match(pattern, name)
        }
    return sorted(found, key=str)


def imports(node):
    """Yield (local name, what it stands for, what is imported) of an import statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]  # all that `import a.b` makes known
            local, whole = (alias.asname, alias.name) if alias.asname else (first, first)
            yield local, whole, alias.name
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield alias.asname or alias.name, whole, whole


def dotted(node, origins):
    """Return "torch.load" for `t.load` after `import torch as t`; ".load" for `what().load`."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    start = origins.get(node.id, node.id) if isinstance(node, ast.Name) else ""
    return ".".join([start, *reversed(parts)])


def call_faults(call, name):
    """Yield (what, name) of a call that is a fault because of its arguments."""
    given = {k.arg: getattr(k.value, "value", None) for k in call.keywords}
    if name == "torch.load" and given.get("weights_only") is not True:
        yield "unpickles", "torch.load without weights_only=True"
    if given.get("allow_pickle", False) is not False:
        yield "unpickles", "allow_pickle"
    if given.get("weights_only", True) is not True:
        yield "unpickles", "weights_only"
    if given.get("shell", False) is not False:
        yield "starts a program", "shell=True"
    if given.get("download", False) is not False:
        yield "goes to the network", "download=True"
    if name.startswith("gzip.") and not reads_checked(call):
        yield "unpacks an archive", f"{name} of bytes that _read did not check"


def reads_checked(call):
    """Tell whether the only argument is `_read(name)`, which compares checksums."""
    (first, *rest) = [*call.args, None]
    return isinstance(first, ast.Call) and dotted(first.func, {}) == "_read" and rest == [None]


def text_faults(text):
    """Return the faults of a string: an address it may open, or a source it may run."""
    if re.match(r"(https?|ftp)://\w", text):
        return [(0, "goes to the network", text[:40])]
    if "\n" in text and re.search(r"^(import|from) \w+", text, re.MULTILINE):
        return [fault for fault in faults(text) if fault[1] != "is not plain Python"]
    return []

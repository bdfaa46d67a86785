"""Which of scikit-learn's test files are run, and which names in them are replaced by adapters."""

import importlib
import inspect
import re
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import sklearn

from tests.peers import estimators, functions

HOME = Path(sklearn.__file__).parent
RATES = ["precision_score", "recall_score", "f1_score", "precision_recall_fscore_support"]
ROC = ["roc_curve", "roc_auc_score"]
DISTANCES = [
    "pairwise_distances", "euclidean_distances", "manhattan_distances", "cosine_distances",
]  # fmt: skip
CLUSTER_METRICS = ["adjusted_rand_score", "silhouette_score", "silhouette_samples"]
CLASSIFICATION = ["accuracy_score", "confusion_matrix", *RATES]
REGRESSION = ["mean_squared_error", "r2_score"]
SUITES = {  # the first is imported by others
    "metrics/tests/test_common.py": [*CLASSIFICATION, *ROC, *REGRESSION, *DISTANCES],
    "cluster/tests/test_k_means.py": ["KMeans"],
    "cluster/tests/test_dbscan.py": ["DBSCAN"],
    "decomposition/tests/test_pca.py": ["PCA"],
    "linear_model/tests/test_base.py": ["LinearRegression"],
    "linear_model/tests/test_logistic.py": ["LogisticRegression"],
    "linear_model/tests/test_ridge.py": ["Ridge"],
    "metrics/cluster/tests/test_common.py": CLUSTER_METRICS,
    "metrics/cluster/tests/test_supervised.py": CLUSTER_METRICS,
    "metrics/cluster/tests/test_unsupervised.py": CLUSTER_METRICS,
    "metrics/tests/test_classification.py": CLASSIFICATION,
    "metrics/tests/test_pairwise.py": DISTANCES,
    "metrics/tests/test_ranking.py": ROC,
    "metrics/tests/test_regression.py": REGRESSION,
    "model_selection/tests/test_split.py": ["train_test_split", "KFold", "StratifiedKFold"],
    "neighbors/tests/test_neighbors.py": ["KNeighborsClassifier"],
    "neural_network/tests/test_mlp.py": ["MLPClassifier"],
    "preprocessing/tests/test_common.py": ["StandardScaler", "MinMaxScaler"],
    "preprocessing/tests/test_data.py": ["StandardScaler", "MinMaxScaler", "normalize"],
    "svm/tests/test_svm.py": ["SVC"],
}
OWN_CASES = {"test_gcn_conv.py": "GCNConv"}  # ours, with both layers side by side
# It starts processes, which know nothing of the adapters, and takes most of a minute.
SLOW = {"test_classification_metric_division_by_zero_nan_validation"}
PLACES = [
    "cluster", "decomposition", "linear_model", "metrics", "metrics.cluster", "metrics.pairwise",
    "model_selection", "neighbors", "neural_network", "preprocessing", "svm",
]  # fmt: skip


def adapter(name):
    """Return the adapter of this name."""
    return getattr(estimators, name, None) or getattr(functions, name)


def suite_of(path):
    """Return the suite that a file is, as SUITES names it, or None."""
    if not path.is_relative_to(HOME):
        return None
    name = path.relative_to(HOME).as_posix()
    return name if name in SUITES else None


def mentions(item):
    """Tell whether a case is about an adapter: its code names one, or a parameter holds one."""
    if item.originalname in SLOW:
        return False
    names = SUITES[suite_of(item.path)]
    found = reachable(item.function, vars(item.module))
    given = getattr(item, "callspec", None)
    if given is not None:
        found |= set(re.findall(r"\w+", repr(list(given.params.values()))))
    return not found.isdisjoint(names)


def reachable(function, module, seen=()):
    """Return the names in the code of a function, and in what it uses of its own module."""
    code = inspect.unwrap(function).__code__
    nested = [c for c in code.co_consts if isinstance(c, CodeType)]
    names = {name for c in [code, *nested] for name in c.co_names}
    found = set(names)
    for name in names - set(seen):
        value = module.get(name)
        if inspect.isfunction(value) and value.__module__ == module["__name__"]:
            found |= reachable(value, module, [*seen, *names])
        elif isinstance(value, dict | list | tuple | set):
            found |= set(re.findall(r"\w+", repr(value)))
    return found


@contextmanager
def replaced(names, places):
    """Let scikit-learn's packages hand out the adapters in place of what they have."""
    before = [(estimators.Adapter, "strict", False)]
    estimators.Adapter.strict = True
    for place in places:
        package = importlib.import_module(f"sklearn.{place}")
        for name in names:
            if name in vars(package):
                before.append((package, name, vars(package)[name]))
                setattr(package, name, adapter(name))
    try:
        yield
    finally:
        for package, name, value in before:
            setattr(package, name, value)


def while_imported(suite):
    """Replace what a suite imports by name."""
    return replaced(SUITES[suite], PLACES)


def while_tested(suite):
    """Replace what a suite asks for as `svm.SVC`: only where scikit-learn itself does not look."""
    return replaced(SUITES[suite], ["neighbors", "svm"])

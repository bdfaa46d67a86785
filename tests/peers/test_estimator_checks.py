"""scikit-learn's checks of any estimator, `parametrize_with_checks`, on ours."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.peers import estimators

ESTIMATORS = [
    estimators.KMeans(n_clusters=3),
    estimators.DBSCAN(),
    estimators.PCA(),
    estimators.KNeighborsClassifier(),
    estimators.LinearRegression(),
    estimators.Ridge(),
    estimators.LogisticRegression(),
    estimators.SVC(kernel="linear"),
    estimators.StandardScaler(),
    estimators.MinMaxScaler(),
    estimators.MLPClassifier(solver="sgd"),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator(estimator, check):
    check(estimator)

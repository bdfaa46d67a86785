"""Where a case of scikit-learn's ends otherwise for d4sci, and is meant to: a reason for each.

Each reason has patterns of cases, folder/file::test[parameters], where `*` stands for anything. The
run fails where one of these cases passes, and where a case of OWN_WORDS fails for another reason
than its words.
"""

OWN_WORDS = "An error or a warning of the right kind comes, in our own words."
# What pytest and scikit-learn say where the kind was right and the words were not.
ONLY_THE_WORDS = (
    "Regex pattern did not match",
    "The error message should contain one of the following patterns",
    "does not check for consistency between input number",
)
PREDICT = ["KMeans", "KNeighborsClassifier", "LinearRegression", "Ridge", "LogisticRegression"]
PREDICT += ["SVC", "MLPClassifier", "PCA", "StandardScaler", "MinMaxScaler"]
CLASSIFY = ["KNeighborsClassifier", "LogisticRegression", "SVC", "MLPClassifier"]


def check(name, *estimators):
    """Return the patterns of a check of scikit-learn's, for these estimators."""
    return [f"test_estimator_checks.py::test_estimator[{e}(*-{name}*" for e in estimators]


REASONS = {
    OWN_WORDS: [
        "cluster/test_k_means.py::test_kmeans_warns_less_centers_than_unique_points*",
        "cluster/test_k_means.py::test_relocating_with_duplicates*",
        "cluster/test_k_means.py::test_wrong_params*",
        "cluster/test_supervised.py::test_error_messages_on_wrong_input*",
        "cluster/test_unsupervised.py::test_correct_labelsize",
        "decomposition/test_pca.py::test_pca_validation*",
        "linear_model/test_logistic.py::test_inconsistent_input",
        "linear_model/test_logistic.py::test_max_iter*",
        "linear_model/test_logistic.py::test_nan",
        "linear_model/test_logistic.py::test_newton_cholesky_fallback_to_lbfgs",
        "metrics/test_classification.py::test_confusion_matrix_error[empty list]",
        "metrics/test_classification.py::test_prf_average_binary_data_non_binary",
        "metrics/test_common.py::test_classification_metrics_raise_on_empty_input*",
        "metrics/test_common.py::test_continuous_inf_nan_input*",
        "metrics/test_ranking.py::test_confusion_matrix_at_thresholds_multiclass_error*",
        "metrics/test_ranking.py::test_roc_auc_score_multiclass_error*",
        "neighbors/test_neighbors.py::test_neighbors_validate_parameters*",
        "preprocessing/test_data.py::test_standard_scaler_raise_error_for_1d_input",
        *check("check_estimators_empty_data_messages", *PREDICT, "DBSCAN"),
        *check("check_n_features_in_after_fitting", *PREDICT),
        *check("check_fit2d_predict1d", *PREDICT),
        *check("check_fit2d_1sample", *CLASSIFY, "PCA"),
    ],
    "Labels that are not whole numbers, NaN among them, are a TypeError; theirs is a ValueError.": [
        "cluster/test_common.py::test_inf_nan_input*",
        "metrics/test_common.py::test_classification_inf_nan_input*",
        *check("check_classifiers_regression_target", *CLASSIFY[:2], "MLPClassifier"),
        *check("check_supervised_y_no_nan", *CLASSIFY),
    ],
    "Complex numbers are a TypeError; theirs is a ValueError.": [
        *check("check_complex_data", *PREDICT, "DBSCAN"),
    ],
    "No `y` at all is a TypeError; theirs is a ValueError.": [
        *check("check_requires_y_none", *CLASSIFY, "LinearRegression", "Ridge"),
    ],
    "A score without a meaning, of one row or of one class, is an error; theirs is NaN.": [
        "metrics/test_common.py::test_single_sample[r2_score]",
        "metrics/test_ranking.py::test_auc_score_non_binary_class",
        "metrics/test_ranking.py::test_roc_curve_one_label",
        "metrics/test_ranking.py::test_roc_curve_toydata",
        "metrics/test_regression.py::test_regression_single_sample*",
    ],
    "0 / 0 counts as 0, as the docstring says, and no warning repeats it.": [
        "metrics/test_classification.py::test_prf_warnings",
    ],
    "An argument that has no effect, or a matrix of one class, brings no warning.": [
        "cluster/test_k_means.py::test_warning_elkan_1_cluster",
        "cluster/test_k_means.py::test_warning_n_init_precomputed_centers*",
        "metrics/test_classification.py::test_confusion_matrix_single_label",
        "metrics/test_classification.py::test_precision_recall_f_unused_pos_label",
    ],
    "`labels` of which none occurs give a matrix of zeros; theirs raises.": [
        "metrics/test_classification.py::test_confusion_matrix_error[unknown labels]",
    ],
    "No labels at all are an error; theirs calls two empty clusterings equal.": [
        "cluster/test_supervised.py::test_perfect_matches*",
    ],
    "0 components, or 0 steps, are an error.": [
        "decomposition/test_pca.py::test_pca_score3",
        "linear_model/test_logistic.py::test_zero_max_iter*",
    ],
    "The scalers refuse NaN; theirs pass it on.": [
        "preprocessing/test_common.py::test_missing_value_handling*",
        "preprocessing/test_common.py::test_missing_value_pandas_na_support*",
        "preprocessing/test_data.py::test_scaler_n_samples_seen_with_nan*",
    ],
    "`mean_` and `var_` have the dtype of the data; theirs are float64.": [
        "preprocessing/test_data.py::test_standard_scaler_dtype*",
    ],
    "`copy_X=False` changes nothing: we never write into the data.": [
        "linear_model/test_base.py::test_inplace_data_preprocessing*",
    ],
    "For a `y` of one column `coef_` has one row, as in their own `LinearRegression`.": [
        "linear_model/test_ridge.py::test_ridge_shapes_type",
    ],
    "`n_iter_` is None where a system of equations is solved and no step taken.": [
        *check("check_non_transformer_estimators_n_iter", "Ridge"),
    ],
    "The ROC curve keeps every threshold; theirs leaves out those on a straight line.": [
        "metrics/test_ranking.py::test_roc_curve_drop_intermediate",
    ],
    "Indices of a fold come in shuffled order; theirs are sorted.": [
        "model_selection/test_split.py::test_predefinedsplit_with_kfold_split",
    ],
    "By default we stop at a gradient of 1e-10, they at 1e-4: the two losses differ by 3e-4.": [
        "linear_model/test_logistic.py::test_logistic_cv_multinomial_score[neg_log_loss-*",
    ],
    "We stop where the gradient reaches `tol`; the last of Newton's steps leads far below it.": [
        "linear_model/test_logistic.py::test_LogisticRegressionCV_on_folds",
    ],
    "The interior point's weights are right to 2e-12, not to the last bit.": [
        "svm/test_svm.py::test_libsvm_parameters",
        "svm/test_svm.py::test_tweak_params",
    ],
    "A weakness of our plain path: with more columns than rows and an `l2` of 1e-16, "
    '`solver="lstsq"` has five right digits; `"normal"`, the default, has all.': [
        "linear_model/test_ridge.py::test_regularization_limits_ridge[asarray-wide-True-svd-zero_*",
    ],
}
DIFFERENCES = {pattern: reason for reason, patterns in REASONS.items() for pattern in patterns}

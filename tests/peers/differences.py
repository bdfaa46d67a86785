"""Where a case of scikit-learn's ends otherwise for d4sci, and is meant to: one line each.

{pattern of test ids: reason}; `*` stands for anything. The run fails where one of the cases passes.
"""

DIFFERENCES = {}

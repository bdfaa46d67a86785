"""The rows of the table: importing this enters them all, in the order of the table."""

from benchmarks.rows import unsupervised, supervised, networks  # isort: skip
from benchmarks.rows.base import ROWS, Row

__all__ = ["ROWS", "Row", "networks", "supervised", "unsupervised"]

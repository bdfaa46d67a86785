"""Small data of mixed scales, as tables have them: sentinels, incomes beside dummies, timestamps…

What tame data hides shows here: squares that lose the digits of the small columns, sums that lose
those of the many tame rows, means that float32 cannot hold.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tests.support.properties import rng


@dataclass
class Data:
    """A table with labels and targets, and the same table as the oracle reads it, in float64."""

    name: str
    X: Tensor  # (n, d), float32, or float64 where float32 would not hold the digits
    exact: Tensor  # (n, d), float64: X, or X moved to near the origin, which loses nothing
    y: Tensor  # (n,), two classes that overlap
    t: Tensor  # (n,), like X: a linear target with noise

    def first(self, n: int) -> "Data":
        """Return the first n rows."""
        return Data(self.name, self.X[:n], self.exact[:n], self.y[:n], self.t[:n])

    def at_its_place(self) -> "Data":
        """Return the table for what depends on the origin: there X itself is exact."""
        return replace(self, exact=self.X.double())


def _normal(n, d, seed):
    return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


def _sentinel_row():
    X = _normal(200, 6, 1)
    X[3] = -999_999
    return X


def _sentinel_cells():
    X = 40 + 12 * _normal(200, 5, 2)
    X[::10, 2] = 999_999
    return X


def _dummies_and_income():
    kind = torch.randint(0, 3, (300,), generator=rng(3))
    income = 1e5 * _normal(300, 1, 4).exp()
    return torch.cat([torch.nn.functional.one_hot(kind, 3).double(), income], 1)


def _timestamps():
    seconds = 1.7e9 + 86_400 * _normal(300, 1, 5)
    return torch.cat([seconds, _normal(300, 3, 6)], 1)


def _timestamps_of_a_day():
    seconds = 1.7e9 + 0.02 * torch.arange(300)[:, None].double() + 0.5 * _normal(300, 1, 7)
    return torch.cat([seconds, _normal(300, 3, 8)], 1)


def _money():
    power = -2 + 8 * torch.rand(240, 4, generator=rng(9), dtype=torch.float64)
    return (100 * 10**power).round() / 100


def _pixels():
    place = torch.arange(6.0, dtype=torch.float64)
    centre = 2.5 + 0.7 * _normal(200, 2, 10)
    row = torch.exp(-((place - centre[:, :1]) ** 2) / 3)  # (n, 6)
    column = torch.exp(-((place - centre[:, 1:]) ** 2) / 3)  # (n, 6)
    image = row[:, :, None] * column[:, None]  # (n, 6, 6)
    image[:, [0, -1]] = 0  # a border that is the same in all images
    image[:, :, [0, -1]] = 0
    return (255 * image).round().flatten(1)


def _pixels_to_one():
    return _pixels() / 255


def _nearly_constant():
    X = _normal(200, 5, 11)
    X[:, 1] = 7.3
    X[:, 2] = 1e6
    X[:, 3] = 1e6 + 0.0625 * (X[:, 3] > 0)
    return X


def _tiny():
    return 1e-25 * (2 + _normal(150, 4, 12))


def _huge():
    return 1e25 * (2 + _normal(150, 4, 13))


def _far_offset():
    return 1e6 + _normal(250, 4, 14)


def _duplicates():
    X = 100 + 10 * _normal(40, 5, 15).round(decimals=1)
    return X.repeat(6, 1)


def _powers():
    x = 10 * torch.rand(120, 1, generator=rng(16), dtype=torch.float64)
    return torch.cat([x**i for i in range(1, 10)], 1)


def _columns_to_a_million():
    return _normal(200, 7, 17) * torch.logspace(0, 6, 7, dtype=torch.float64)


TABLES = {
    "sentinel row": _sentinel_row,
    "sentinel cells": _sentinel_cells,
    "dummies and income": _dummies_and_income,
    "timestamps": _timestamps,
    "timestamps, float64": _timestamps_of_a_day,
    "money": _money,
    "pixels 0-255": _pixels,
    "pixels 0-1": _pixels_to_one,
    "nearly constant": _nearly_constant,
    "1e-25": _tiny,
    "1e25": _huge,
    "far offset": _far_offset,
    "duplicates": _duplicates,
    "powers of x": _powers,
    "columns 1 to 1e6": _columns_to_a_million,
}


def scaled(D: Data) -> Data:
    """Return the table with columns of mean 0 and standard deviation 1, or 0 where constant."""
    varies = (D.exact[0] != D.exact).any(0)  # (d,)
    C = D.exact - D.exact[0]
    Z = (C - C.mean(0)) / torch.where(varies, C.std(0, correction=0), 1)
    X = Z.to(D.X)
    return replace(D, X=X, exact=X.double())


def load(name: str) -> Data:
    """Return one of the tables; the same at each call."""
    in_float64 = name.endswith("float64")
    X = TABLES[name]().to(torch.float64 if in_float64 else torch.float32)
    exact = X.double()
    if in_float64:
        exact = X - X[0].round()  # no digit is lost: the difference is small and on the same grid
    n, d = X.shape
    median = exact.median(0).values  # (d,), of the tame rows
    spread = (exact - median).abs().quantile(0.7, 0)  # (d,)
    Z = (exact - median) / torch.where(spread > 0, spread, 1)
    z = Z.clamp(-3, 3) @ _normal(d, 1, 98)[:, 0] / d**0.5  # (n,)
    noise = _normal(n, 2, 99)
    y = (z + noise[:, 0] > 0).long()
    t = 5 + 2 * z + 0.3 * noise[:, 1]
    return Data(name, X, exact, y, t.to(X))

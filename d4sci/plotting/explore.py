"""Live figures: sliders in JupyterLab, the same figure as a plain picture everywhere else."""

import inspect
from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:  # without ipywidgets a picture takes the place of the sliders
    from ipywidgets import VBox


class explore:
    """Redraw a figure while its sliders move.

    fn: function of the sliders' values that returns a matplotlib Figure or Axes.
    alt: what the figure shows, in words, for those who cannot see it.
    sliders: `k=(1, 9)` (whole numbers), `eps=(0.1, 2.0, 0.1)` (low, high, step) or a list of
        choices, `power=[1, 10, 100]`. A slider starts at fn's default, else at its first value.

    Raises TypeError where fn lacks an argument that a slider moves, ValueError where the default is
    none of the slider's values.
    """

    def __init__(self, fn: Callable[..., Figure | Axes], *, alt: str, **sliders: tuple | list):
        parameters = inspect.signature(fn).parameters
        self.fn, self.alt, self.sliders, self.start = fn, alt, sliders, {}
        for name, choices in sliders.items():
            if name not in parameters:
                raise TypeError(f"{fn.__name__} has no argument {name!r} for the slider to move")
            self.start[name] = _start(name, parameters[name].default, choices)

    def png(self, **values: Any) -> bytes:
        """Return the figure at these values as the bytes of a PNG."""
        figure = self.fn(**values)
        figure = getattr(figure, "figure", None) or figure
        buffer = BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)
        return buffer.getvalue()

    def widget(self) -> "VBox":
        """Return the sliders with the picture under them, for ipywidgets."""
        import ipywidgets as widgets

        picture = widgets.HTML(self._image(self.png(**self.start)))
        controls = {name: self._slider(widgets, name) for name in self.sliders}

        def redraw(_change):
            values = {name: control.value for name, control in controls.items()}
            picture.value = self._image(self.png(**values))

        for control in controls.values():
            control.observe(redraw, names="value")
        return widgets.VBox([*controls.values(), picture])

    def _slider(self, widgets, name):
        choices = self.sliders[name]
        common = {"value": self.start[name], "description": name, "continuous_update": False}
        if isinstance(choices, list):
            return widgets.SelectionSlider(options=choices, **common)
        low, high, *given = choices
        if all(isinstance(choice, int) for choice in choices):
            kind, step = widgets.IntSlider, 1
        else:
            kind, step = widgets.FloatSlider, (high - low) / 50
        if given:
            step = given[0]
        return kind(min=low, max=high, step=step, **common)

    def _image(self, png):
        return (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{b64encode(png).decode()}">'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give JupyterLab the sliders, and a page without a kernel the picture and its words."""
        bundle = {
            "text/plain": f"explore: {self.alt}",
            "image/png": b64encode(self.png(**self.start)).decode(),
        }
        try:
            view = self.widget()._repr_mimebundle_()
        except ImportError:  # without ipywidgets the picture still stands
            return bundle
        return view | bundle


def _start(name, default, choices):
    """Return where a slider starts: at the default of fn's argument, else at its first value."""
    if default is inspect.Parameter.empty:
        return choices[0]
    known = default in choices
    if isinstance(choices, tuple):  # low, high
        known = choices[0] <= default <= choices[1]
    if not known:
        raise ValueError(
            f"the slider {name} must be able to start at fn's default, got {default!r} and "
            f"{choices}; change one of them"
        )
    return default

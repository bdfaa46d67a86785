"""Live figures: the sliders redraw, and the picture stands where there are no sliders."""

import base64
import sys

import matplotlib.pyplot as plt
import pytest

from d4sci.plotting.explore import explore

PNG = b"\x89PNG"


@pytest.fixture
def calls():
    yield (seen := [])
    seen.clear()
    plt.close("all")


def line(calls):
    def draw(k=3, scale="log", eps=0.5):
        calls.append((k, scale, eps))
        ax = plt.subplots()[1]
        ax.plot([0, k])
        return ax

    return draw


def live(calls, **sliders):
    return explore(line(calls), alt="a line <k>", **sliders)


def test_bundle_has_words_picture_and_widget(calls):
    bundle = live(calls, k=(1, 9))._repr_mimebundle_()
    assert bundle["text/plain"] == "explore: a line <k>"
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert set(calls) == {(3, "log", 0.5)}  # drawn at the defaults
    assert plt.get_fignums() == []  # and closed


def test_the_same_values_give_the_same_bytes(calls):
    figure = live(calls, k=(1, 9))
    assert figure.png(k=4) == figure.png(k=4) != figure.png(k=5)


def test_moving_a_slider_redraws(calls):
    box = live(calls, k=(1, 9), eps=(0.1, 2.0, 0.1), scale=["log", "linear"]).widget()
    k, eps, scale, picture = box.children
    assert 'alt="a line &lt;k&gt;"' in picture.value
    before = picture.value
    k.value = 7
    assert calls[-1] == (7, "log", 0.5)
    assert picture.value != before
    scale.value = "linear"
    eps.value = 1.5
    assert calls[-1] == (7, "linear", 1.5)
    assert (k.min, k.max, k.step, eps.min, eps.max, eps.step) == (1, 9, 1, 0.1, 2.0, 0.1)
    assert not k.continuous_update


def test_float_sliders_have_fifty_steps_by_default(calls):
    eps = live(calls, eps=(0.0, 2.0)).widget().children[0]
    assert eps.step == pytest.approx(0.04)


def test_a_slider_without_default_starts_low():
    def draw(k):
        return plt.figure()

    assert explore(draw, alt="nothing", k=(2, 9)).start == {"k": 2}
    plt.close("all")


def test_an_unknown_slider_is_refused(calls):
    with pytest.raises(TypeError, match="has no argument 'radius'"):
        live(calls, radius=(1, 2))


@pytest.mark.parametrize("choices", [(1, 9), [1, 9]])
def test_a_default_that_no_slider_can_show_is_refused(choices):
    def draw(k=50):
        return plt.figure()

    with pytest.raises(ValueError, match="slider k must be able to start at fn's default, got 50"):
        explore(draw, alt="nothing", k=choices)


def test_without_ipywidgets_the_picture_stands(calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = live(calls, k=(1, 9))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}


def test_an_error_in_the_figure_is_not_swallowed():
    def draw(k=1):
        raise ValueError("no figure")

    with pytest.raises(ValueError, match="no figure"):
        explore(draw, alt="broken", k=(1, 2))._repr_mimebundle_()

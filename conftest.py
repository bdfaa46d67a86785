"""pytest and the notebooks: `pytest --nbval` runs cells as `tools/notebooks.py run` ran them.

This file lies at the root so that no option is needed, and so that tests can import `tools`.
"""

import os


def pytest_configure(config):
    """Under --nbval, give kernels the environment of `notebooks.py run`, and compare like it."""
    if not config.getoption("nbval", False):
        return
    from nbval import kernel, plugin

    from tools.notebooks import is_progress_bar, kernel_environment

    environment = kernel_environment()
    before = dict(os.environ)
    wanted = environment.__enter__()
    config.add_cleanup(lambda: environment.__exit__(None, None, None))
    config.add_cleanup(lambda: replace_environment(before))
    replace_environment(wanted)

    def execute_cell_input(self, source, allow_stdin=None):
        """Count and keep the cell in the history, on which the effect of a last `;` depends."""
        return self.kc.execute(source, allow_stdin=allow_stdin, stop_on_error=False)

    def coalesce_streams(outputs, original=plugin.coalesce_streams):
        """Merge streams as nbval does, and forget text bars, which `run` does not store."""
        return [output for output in original(outputs) if not is_progress_bar(output)]

    kernel.RunningKernel.execute_cell_input = execute_cell_input
    plugin.coalesce_streams = coalesce_streams


def replace_environment(variables):
    """Make the variables the environment of this process and its children."""
    os.environ.clear()
    os.environ.update(variables)

"""What every checker of an exercise must do, asked by the tests of each notebook's checkers."""

from collections import Counter


def demand_all_listed(module, correct, wrong):
    """Fail unless each checker has a right answer, and three wrong ones with hints of their own."""
    checkers = {f for name, f in vars(module).items() if name.startswith("check_")}
    hints = Counter(check for check, _, hint in {(check, None, hint) for check, _, hint in wrong})
    assert checkers == set(correct) == {check for check, hints in hints.items() if hints >= 3}


def demand_stub_and_solution(check, solution, capsys):
    """Fail unless the stub is not done yet, and the solution correct, in a line each."""
    check(lambda *arguments: None)
    check(solution)
    not_done, correct = capsys.readouterr().out.splitlines()
    assert not_done.startswith("Not done yet")
    assert correct.startswith("Correct")


def demand_hint(check, answer, hint, capsys):
    """Fail unless this wrong answer gets this hint."""
    check(answer)
    verdict = capsys.readouterr().out
    assert verdict.startswith("Not yet")
    assert hint in verdict

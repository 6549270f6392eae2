"""Links are opened: the same run comes out, nothing but the vocabulary is understood, and nobody's code runs unasked."""

from __future__ import annotations

import builtins
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.draw import compare, show
from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import explore
from lesson_lib.faults import NAMES
from lesson_lib.history import History
from lesson_lib.history.link import SITE, packed, plain, unpacked
from lesson_lib.lab.forge import forge
from lesson_lib.sim import Transactions, simulate, simulate_pipeline
from lesson_lib.teach.open_link import ASKS, THEIRS, LinkReader, Opened, open_link
from lesson_lib.teach.playground import playground
from lesson_lib.teach.tasks.learner_rule import as_rule
from lesson_lib.teach.tasks.task import Exercise, exercise

RULE = """def accept(batch, memory):
    # <b>who</b> & what
    if batch.number <= memory.get(batch.producer, -1):
        return False
    memory[batch.producer] = batch.number
    return True
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where links lead to."""
    monkeypatch.setenv(SITE, "https://example.org/course")


def result(text: str) -> Any:
    """What a text behind the # makes."""
    opened = Opened(unpacked(text))
    opened.run()
    return opened.result


def comes_back(run: History) -> None:
    """Both ways of writing it lead to the same run."""
    for text in (plain(run.call), packed(run.call)):
        again = result(text)
        assert (again.events, again.logs, again.call) == (run.events, run.logs, run.call)


ONE_FAULT = st.sampled_from(sorted(NAMES)).map(lambda name: {
    "refuse": "refuse 19", "store and answer": "store and answer 20", "delay": "delay 50", "cut": "cut 2 1"}.get(name, name))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(1, 5), ONE_FAULT, max_size=3), st.lists(st.text(max_size=12), min_size=1, max_size=4),
       st.fixed_dictionaries({}, optional={
           "in_flight": st.integers(1, 5), "idempotence": st.booleans(), "client": st.sampled_from(["kafka-python", "java", "librdkafka"]),
           "resend": st.booleans(), "partitions": st.integers(1, 3), "broker": st.sampled_from(["2.4", "4.5"]),
           "consumer": st.sampled_from([True, {"commit": "before"}]), "retries": st.sampled_from([None, 3])}))
def test_any_simulated_run_comes_back(faults: dict[int, str], values: list[str], chosen: dict[str, Any]) -> None:
    try:
        run = simulate(values, faults=faults, **chosen)
    except LessonError:
        assume(False)
    comes_back(run)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-1, 9), st.integers(1, 3)), min_size=1, max_size=12))
def test_forged_batches_come_back(batches: list[tuple[int, int, int, int]]) -> None:
    bench = forge(PartitionLog())
    for producer, *numbers in batches:
        bench.send(producer - 1, *numbers)
    comes_back(bench.history())


def test_what_a_forger_names_is_in_its_call_and_nothing_else() -> None:
    bench = forge(PartitionLog())
    bench.send(7, 0, 0, values=["tea"])
    bench.send(7, epoch=0, base_sequence=0)
    bench.send(count=2, transactional=False)
    assert bench.history().call.split("\n") == [
        "bench = forge('4.4')", "bench.send(7, 0, 0, values=['tea'])", "bench.send(7, 0, 0)", "bench.send(count=2)", "bench.history()"]
    comes_back(bench.history())


def test_a_forger_whose_log_was_changed_in_between_has_no_call() -> None:
    bench = forge(PartitionLog())
    bench.send(7, 0, 0)
    bench.bench.log.restart_after_crash(0)
    bench.bench.log.producers.clear()
    bench.send(7, 0, 0)
    assert bench.history().call == ""


STEP = st.sampled_from(["begin", "send", "commit", "abort", "kill", "poll", "wait", "producer", "consumer"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEP, st.integers(0, 2)), max_size=14))
def test_any_story_of_transactions_comes_back(steps: list[tuple[str, int]]) -> None:
    """Whatever is refused on the way."""
    kafka = Transactions(partitions=2)
    producers, consumers = [kafka.producer("shop"), kafka.producer()], [kafka.consumer("read_committed")]
    for step, n in steps:
        who = producers[n % len(producers)]
        try:
            match step:
                case "producer":
                    producers.append(kafka.producer("shop", timeout_ms=5_000) if n else kafka.producer())
                case "consumer":
                    consumers.append(kafka.consumer())
                case "poll":
                    consumers[n % len(consumers)].poll()
                case "wait":
                    kafka.wait(4_000 * n + 1)
                case "send":
                    who.send("a", "b", partition=n % 2)
                case _:
                    getattr(who, step)()
        except LessonError:
            continue
    comes_back(kafka.history())


def test_pipelines_ends_of_explorations_and_pictures_come_back() -> None:
    crashed = simulate_pipeline(["m"], transactions=False, crash={1: "send"})
    comes_back(crashed)
    found = explore(["a", "a"], in_flight=2, faults=1, kinds=("cut", "refuse"))
    for outcome in found.outcomes:
        comes_back(found.history(outcome))
    assert str(result(plain(found.call))) == str(found)
    for picture in (show(crashed, layout="space-time"), show(crashed, control=simulate(2)), compare(simulate(1), simulate(2), "lanes")):
        assert result(packed(picture.call)).svg == picture.svg


def test_the_real_client_runs_again_in_virtual_time(capsys: pytest.CaptureFixture[str]) -> None:
    run = result("lab.run(3,faults=%7B2:'lose+ack'%7D,idempotence=False)")
    assert run.values() == ["m0", "m1", "m1", "m2"] and run.settings.world == "real"
    older = result("start_lab(version='3.5').run(1)")
    assert older.settings.broker == "3.5" and older.call == "start_lab(version='3.5').run(1)"
    told = capsys.readouterr().out
    assert "in a virtual" in told and "playground" not in told


def test_a_playground_is_under_it(capsys: pytest.CaptureFixture[str]) -> None:
    open_link("simulate(3,faults=%7B2:'lose+ack'%7D)")
    assert capsys.readouterr().out.count("simulate(3, faults={2: 'lose ack'})\n") == 2  # the run, and its playground
    open_link("simulate(3,partitions=2)")
    assert capsys.readouterr().out.count("simulate(3, partitions=2)\n") == 1


def test_a_puzzle_and_a_playground_are_links() -> None:
    link = exercise("2.skip-one").link()
    assert str(link) == "https://example.org/course/open.html#exercise('2.skip-one')"
    assert isinstance(open_link(str(link)).result, Exercise)
    ground = playground(2)
    ground.change(1, "lose ack")
    assert str(ground.link()).endswith("#simulate(2,faults=%7B1:'lose+ack'%7D)")


def rule_runs() -> int:
    """How often the rule of the link below has run."""
    return len(getattr(builtins, "lesson_rule_ran", []))


def test_somebodys_rule_runs_once_somebody_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(builtins, "lesson_rule_ran", [], raising=False)
    run = simulate(4, faults={2: "lose ack"}, rule=as_rule(RULE.replace("# <b>", "lesson_rule_ran.append(1)  # <b>")))
    before = rule_runs()
    link = run.link()
    assert len(link.address) <= 300
    opened = open_link(link.address)
    said = capsys.readouterr().out
    assert rule_runs() == before and opened.result is None and ASKS in said and "lesson_rule_ran.append(1)" in said
    assert "<b>" not in opened.rich() and "&lt;b&gt;who" in opened.rich()
    opened.run()
    assert rule_runs() == 2 * before
    assert opened.result.events == run.events and opened.result.settings.broker == THEIRS


def test_a_rule_of_a_cell_and_one_that_refuses_have_their_source() -> None:
    def accept(batch: Any, memory: dict[Any, Any]) -> bool | str:
        return "refuse" if batch.number > 1 and not memory else True
    comes_back(simulate(2, rule=as_rule(accept)))
    refusing = as_rule(RULE, refuse=True)
    assert re.search(r"rule=as_rule\('def accept.*, refuse=True\)\)$", simulate(1, rule=refusing).call)
    with pytest.raises(LessonError, match="no function in that text"):
        as_rule("1 +")


@pytest.mark.parametrize("hides", ["\r", "\x1b[2J", "\u202e", "\u2066", "\b\b"])
def test_a_rule_that_looks_other_than_it_is_isnt_run(hides: str) -> None:
    with pytest.raises(LessonError, match="change how its text looks"):
        open_link(packed(f"simulate(2, rule=as_rule({RULE + hides!r}))"))


@pytest.mark.parametrize("text", [
    "print(1)", "open('x')", "__import__('os').system('true')", "simulate.__globals__", "simulate(3).__class__", "simulate(3).link()",
    "simulate(3).events", "kafka=Transactions();kafka.world.clock.run()", "kafka=Transactions();kafka.__init__()",
    "lab.stop()", "lab.producer()", "lab.run(1).link()", "start_lab('compose')", "start_lab(world='sockets')", "start_lab(1,2)",
    "forge('localhost:9092')", "forge(lab)", "simulate(3,rule=simulate)", "simulate(3,rule='x')", "as_rule(RULE)", "x=as_rule;x('1')",
    "as_rule(**{'accept':'1'})", "show('x')", "show()", "simulate", "3", "'x'", "exercise('0.none')", "exercise(3)", "explore(3).graph",
    "explore(3).history('x')", "explore(3).history(99)", "Transactions()", "simulate(3).save('x')", "show(simulate(3)).save('x.svg')",
    "a.b=simulate(3)", "a,b=simulate(3)", "a=b=simulate(3)", "simulate=exercise;simulate('2.skip-one')", "playground(3)", "exec('1')"])
def test_nothing_else_is_understood(text: str) -> None:
    for address in (plain(text), packed(text)):
        with pytest.raises(LessonError) as said:
            result(address)
        assert "\n" not in str(said.value) and len(str(said.value)) < 400


@pytest.mark.parametrize("address", [5, None, b"open.html#simulate(3)"])
def test_what_is_no_text_is_not_understood(address: Any) -> None:
    with pytest.raises(LessonError):
        result(address)


@pytest.mark.parametrize("text", [
    "simulate(1000)", "simulate(values_or_count=1000)", "explore(9)", "explore(3,3,5)", "explore(3,max_states=999999)",
    "simulate(3,delivery_timeout_ms=999999)", "lab.run(3,partitions=1000)", "bench=forge('4.4');bench.send(7,0,0,1000)",
    f"simulate({['m'] * 41})", "Transactions(partitions=100000)"])
def test_what_would_take_too_long_is_refused(text: str) -> None:
    with pytest.raises(LessonError, match="This link asks for .* at most"):
        result(plain(text))


@pytest.mark.parametrize("text", [
    "simulate(5,faults=%7B'1%2B':'kill+producer'%7D,resend=True)", "explore(8,8,4)"])
def test_what_never_ends_ends_in_a_sentence(text: str) -> None:
    with pytest.raises(LessonError, match="again and again|more than 100,000 states"):
        result(text)


def test_a_name_means_what_a_line_before_it_said() -> None:
    assert LinkReader().names == {}
    with pytest.raises(LessonError):
        result("p1.send('a')")

"""A run as an address: what stands behind the #, how long it may be, and that nothing else is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError
from lesson_lib.faults import parse_script
from lesson_lib.history import History
from lesson_lib.history.link import MOST, SITE, around, is_readable, packed, plain, tree_of, unpacked
from lesson_lib.sim import Transactions, simulate

HOME = "https://example.org/course"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where links lead to."""
    monkeypatch.setenv(SITE, f"{HOME}/")


def test_a_run_says_how_it_was_made() -> None:
    patience = {"delivery_timeout_ms": 300, "request_timeout_ms": 100}
    assert simulate(3, faults={2: "lose ack"}, idempotence=False).call == "simulate(3, faults={2: 'lose ack'}, idempotence=False)"
    assert simulate(["a"], faults=parse_script("1: lose ack"), client="java", **patience).call == (
        "simulate(['a'], faults='1: lose ack', client='java', delivery_timeout_ms=300, request_timeout_ms=100)")


def test_an_address_is_short_and_can_be_read() -> None:
    link = simulate(3, faults={2: "lose ack"}, idempotence=False).link()
    assert str(link) == link.address == f"{HOME}/open.html#simulate(3,faults=%7B2:'lose+ack'%7D,idempotence=False)"
    assert "href=\"https://example.org/course/open.html#simulate(3,faults=%7B2:&#x27;lose+ack" in link._repr_mimebundle_()["text/html"]


def test_a_long_one_is_packed_and_a_longer_one_is_python() -> None:
    kafka = Transactions()
    shop = kafka.producer("shop")
    for value in "abcdefgh":
        shop.begin(), shop.send(value), shop.commit()
    link = kafka.history().link()
    assert link.address.startswith(f"{HOME}/open.html#z.") and len(link.address) <= MOST
    values = [f"{n * 7919 % 10007:x}" for n in range(100)]
    long = simulate(values).link()
    assert not long.address and str(long).startswith("This is too long for an address of 300 characters.")
    assert repr(values) in str(long) and "<pre>" in long._repr_mimebundle_()["text/html"]


def test_without_a_site_it_is_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SITE)
    link = simulate(2).link()
    assert not link.address and str(link).endswith("this makes the same:\nsimulate(2)") and SITE in str(link)


def test_what_nobody_wrote_down_is_no_link() -> None:
    with pytest.raises(LessonError, match="Nobody wrote down how this was made"):
        History(()).link()


def test_a_rule_without_a_source_is_named() -> None:
    link = simulate(1, rule=lambda *given: judge(*given)).link()
    assert not link.address and "This was given something else" in str(link)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5), st.booleans())
def test_any_text_comes_back(values: list[str], idempotence: bool) -> None:
    call = simulate(values, idempotence=idempotence).call
    for text in (plain(call), packed(call)):
        assert text.isascii() and not set(text) & set(" <>\"\\^`{|}#")
        assert eval(unpacked(f"{HOME}/open.html#{text}")).call == call  # our own text
    assert is_readable(call)


def test_pictures_of_two_runs_have_one_call() -> None:
    assert around("show", ["a(1)", "b(2)"], layout=None) == "show(a(1), control=b(2))"
    assert around("compare", ["a = c()\na.d()", "b(2)"], layout="lanes") == "a = c()\ncompare(a.d(), b(2), layout='lanes')"
    assert around("compare", ["a = c()\na.d()"] * 2, layout=None) == around("show", ["a(1)", ""], layout=None) == ""


@pytest.mark.parametrize("text", [
    "", " ", "simulate(3", "simulate(3))", "%ff", "%00", "simulate(3)%00", "z.", "z.AAAA", "z.!!!!", "z." + "A" * 3000,
    packed("simulate(3, faults={2: 'lose ack'})")[:-4], "simulate(" * 90 + ")" * 90, "-" * 3000 + "1", "((((" * 900,
    "simulate(" + "9" * 5000 + ")", "x" * 100_000])
def test_a_broken_one_says_so_in_a_sentence(text: str) -> None:
    with pytest.raises(LessonError) as said:
        tree_of(unpacked(f"{HOME}/open.html#{text}"))
    assert len(str(said.value)) < 200 and "\n" not in str(said.value)


@pytest.mark.parametrize("text", [
    "lambda: 1", "[x for x in (1,)]", "simulate(3) if 1 else 2", "1 + 1", "import os", "def f(): pass", "f'{simulate}'", "a[0]",
    "simulate(*[3])", "simulate(3.5)", "simulate(b'')", "simulate(1000001)", "simulate(-1000001)", "(a := 1)", "await x", "del x", "...",
    "while 1: pass", "simulate([[[[[[[[[[1]]]]]]]]]])", f"simulate({[1] * 200})", "{1}", "x: int = 3", "x += 1", "a < b", "not a", "~1",
    r"simulate(['\ud800'])"])
def test_nothing_but_calls_and_literals_is_read(text: str) -> None:
    with pytest.raises(LessonError):
        tree_of(unpacked(plain(text)))
    assert not is_readable(text)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(LessonError, match="broken"):
        unpacked(packed("x" * 10_000_000))

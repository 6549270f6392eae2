"""The author's answers to 7.make-log: two that make the log, and those that learners come up with."""

from __future__ import annotations

from typing import Any


def play(kafka: Any) -> None:
    """A successor ends what its predecessor left open."""
    old = kafka.producer("shop")
    old.begin()
    old.send("a")
    new = kafka.producer("shop")
    new.begin()
    new.send("b")
    new.commit()


def waits(kafka: Any) -> None:
    """The coordinator ends what is open for too long."""
    slow = kafka.producer("slow", timeout_ms=1000)
    slow.begin()
    slow.send("a")
    kafka.wait(2000)
    other = kafka.producer("other")
    other.begin()
    other.send("b")
    other.commit()


def aborts(kafka: Any) -> None:
    """Does what was not allowed."""
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a")
    shop.abort()
    shop.begin()
    shop.send("b")
    shop.commit()


def another_id(kafka: Any) -> None:
    """Fences nobody."""
    old = kafka.producer("shop")
    old.begin()
    old.send("a")
    new = kafka.producer("other shop")
    new.begin()
    new.send("b")
    new.commit()


def plain(kafka: Any) -> None:
    """Has no transactions."""
    shop = kafka.producer()
    shop.begin()

"""How a sentence is known for a statement about Kafka or a client, though nobody has tagged it.

Plain marks: a version, the name of a client, a setting or an error by its name, and Kafka, a part of it or a client as the subject
of a verb. A cell with such a sentence needs a tag; and the version, the client, the setting and the error need one whose test, or
whose citation, speaks of them. So a sentence that was added to a cell with tags is noticed too, where it brings a name of its own.
Not noticed is a new sentence in a cell with tags that names nothing, and one without any of the marks.
"""

from __future__ import annotations

import re

from kafka import KafkaConsumer, KafkaProducer

from .sentences import bare, sentences

OF_PYTHON = {*KafkaProducer.DEFAULT_CONFIG, *KafkaConsumer.DEFAULT_CONFIG}
SETTINGS = sorted({*OF_PYTHON, *(name.replace("_", ".") for name in OF_PYTHON)}, key=len, reverse=True)
WHO = r"(?:Kafka(?:'s\s+\S+)?|(?<!toy )(?<!simulated )(?:brokers?|(?:transaction )?coordinators?|leaders?|producers?|consumers?|clients?))"
BESIDE = r"(?:\s+(?:that|which|who)\s+\w+)?(?:\s+(?:also|alone|always|first|itself|never|no longer|only|still|then))?"
DOES = r"(?:is|are|was|has|have|had|does|do|did|can|cannot|will|must|may|needs?|\w{2,}(?<!s)(?<!u)s|\w+ed)"
NAMES = {
    "version": re.compile(r"(?<![\w.#-])\d+\.\d+(?:\.\d+)?(?!\w|\.\d)"),
    "client": re.compile(r"\b(?:kafka-python|librdkafka|confluent-kafka|aiokafka|Java|Kafka Connect)\b", re.IGNORECASE),
    "setting": re.compile(rf"`(?:{'|'.join(map(re.escape, SETTINGS))}|[a-z]+(?:\.[a-z]+)*\.(?:ms|bytes|config))(?:=[^`]*)?`"),
    "error": re.compile(r"\berror \d+\b|\brefused with \d+\b|\b(?:[A-Z]+_)+[A-Z]+\b|\b[A-Z]\w+(?:Error|Exception)\b"),
}
SEVERAL = r"(?:brokers|coordinators|leaders|producers|consumers|clients)"
DO = r"(?!(?:and|as|aside|at|but|by|for|from|in|is|nor|of|on|or|than|that|to|up|which|who|whose|with|without)\b)[a-z]{2,}"
SUBJECT = re.compile(rf"\b(?:{WHO}{BESIDE}\s+{DOES}|(?i:{SEVERAL}){BESIDE}\s+{DO})\b")

OUR_RUN, OTHERS, NO_VERB = "what the run does that follows", "said of something that is not Kafka's", "it names, and says nothing"
NO_STATEMENT = {
    "To judge it, you first need to know what a producer can learn from the broker.": NO_VERB,
    "The producer waits each time for the broker's answer, the *ack*.": OUR_RUN,
    "This time the producer asks for an answer.": OUR_RUN,
    "Now we use the real `kafka-python` client.": NO_VERB,
    "Now the real `kafka-python` client sends to the live broker.": OUR_RUN,
    "A payment service must accept POST, and clients will retry it.": OTHERS,
    "A key that the client chooses once, for all its tries.": OTHERS,
    "Two coffees and one lost ack again, now with `kafka-python` and the live broker.": NO_VERB,
    "the producer is killed, and a new one sends what the old one hadn't sent yet.": OUR_RUN,
    "The producer dies": OUR_RUN,
    "One producer is closed properly, the next is killed, and a third starts.": OUR_RUN,
    "From here on you drive the producers call by call.": OUR_RUN,
}


def marked(text: str) -> list[tuple[str, list[str]]]:
    """The sentences of a text that state something by their marks, each with the names that it names."""
    found = ((s, [m[0] for kind in NAMES.values() for m in kind.finditer(bare(s))]) for s in sentences(text))
    return [(s, names) for s, names in found if (names or SUBJECT.search(bare(s))) and s not in NO_STATEMENT]


def speaks_of(source: str, name: str) -> bool:
    """Whether a test, a tag or a citation speaks of something by that name; of a setting whatever its value, in both spellings."""
    wanted = _plain(name.partition("=")[0].removeprefix("error ").removeprefix("refused with "))
    return re.search(rf"(?<![\w.]){re.escape(wanted)}(?!\d)", _plain(source)) is not None


def _plain(text: str) -> str:
    return re.sub(r"(?<=\D)[._-](?=\D)", " ", text.strip("`").casefold().replace("_", " "))

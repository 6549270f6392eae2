"""The dev container, as far as that goes without a hosted editor: it parses, its keys are the specification's, what it names is here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PYTHONS = SpecifierSet(re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1])
# Source: devcontainers/spec, schemas/devContainer.base.schema.json: what a container made of an image may say.
KEYS = set("""$schema additionalProperties appPort capAdd containerEnv containerUser customizations features forwardPorts
    hostRequirements image init initializeCommand mounts name onCreateCommand otherPortsAttributes overrideCommand
    overrideFeatureInstallOrder portsAttributes postAttachCommand postCreateCommand postStartCommand privileged remoteEnv
    remoteUser runArgs secrets securityOpt shutdownAction updateContentCommand updateRemoteUserUID userEnvProbe waitFor
    workspaceFolder workspaceMount""".split())
PORT_KEYS = {"elevateIfNeeded", "label", "onAutoForward", "protocol", "requireLocalPort"}
FORWARDING = {"ignore", "notify", "openBrowser", "openBrowserOnce", "openPreview", "silent"}
EXTENSION = re.compile(r"[\w-]+\.[\w-]+")


def loaded(text: str) -> dict[str, Any]:
    """The settings, comments of whole lines taken out; the specification allows them."""
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def faults(text: str) -> list[str]:
    """Everything that a hosted editor would stumble over."""
    said = loaded(text)
    found = [f"{key} is no key" for key in said.keys() - KEYS]
    commands = [value for key, value in said.items() if key.endswith("Command")]
    found += [f"no make target in {command!r}" for command in commands if set(re.findall(r"make ([a-z-]+)", command)) - TARGETS]
    found += [f"{key} of a port" for port in said["portsAttributes"].values() for key in port.keys() - PORT_KEYS]
    found += [f"{port['onAutoForward']} is no way" for port in said["portsAttributes"].values() if port["onAutoForward"] not in FORWARDING]
    found += [f"port {port} isn't forwarded" for port in said["portsAttributes"] if int(port) not in said["forwardPorts"]]
    customized = said["customizations"]
    found += [f"no file {name}" for name in customized["codespaces"]["openFiles"] if not (ROOT / name).is_file()]
    found += [f"{name} is no extension" for name in customized["vscode"]["extensions"] if not EXTENSION.fullmatch(name)]
    if not PYTHONS.contains(said["image"].removeprefix("python:") + ".0"):
        found.append(f"{said['image']} has no Python for the course")
    return found + [f"a path of one machine: {path}" for path in re.findall(r'"(/[\w/]+)', text)]


def test_it_has_the_shape_of_a_dev_container() -> None:
    assert faults(TEXT) == []
    assert loaded(TEXT)["customizations"]["codespaces"]["openFiles"][0].startswith("notebooks/01-")


@pytest.mark.parametrize(("right", "wrong", "complaint"), [
    ('"postCreateCommand"', '"postCreate"', "postCreate is no key"),
    ("make setup", "make everything", "no make target in 'make everything'"),
    ('"python:3.12"', '"python:3.10"', "python:3.10 has no Python for the course"),
    ("01-a-record", "01-another", "no file notebooks/01-another-an-ack-an-offset.ipynb"),
    ("[8888]", "[8889]", "port 8888 isn't forwarded"),
    ('"notify"', '"shout"', "shout is no way"),
    ('"label"', '"name"', "name of a port"),
    ("ms-toolsai.jupyter", "jupyter", "jupyter is no extension"),
    ("${containerWorkspaceFolder}", "/home/me", "a path of one machine: /home/me/"),
])
def test_a_planted_fault_is_found(right: str, wrong: str, complaint: str) -> None:
    assert right in TEXT
    assert complaint in faults(TEXT.replace(right, wrong))

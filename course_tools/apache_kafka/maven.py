"""A class path for Maven coordinates: a small generated pom, one call of Maven, the answer kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import ROOT

CACHE = ROOT / ".kafka" / "classpath"
OLDEST_JAVA = 17
# Kafka logs through slf4j and its artifacts bring no backend for it; this one writes to standard error.
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
# For Java programs that live for seconds: compiling for speed, and collecting in parallel, costs them more
# than it brings.
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lesson</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
DEPENDENCY = ("<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId>"
              "<version>{2}</version></dependency>")


def kafka_server(version: str) -> tuple[str, ...]:
    """The coordinates of Apache Kafka's server and tools."""
    return (f"org.apache.kafka:kafka_2.13:{version}", LOGGING)


def java() -> str | None:
    """The Java command, from JAVA_HOME or the path; None when there is none of version 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    command = (shutil.which("java", path=f"{home}/bin") if home else None) or shutil.which("java")
    return command if command and java_version(command) >= OLDEST_JAVA else None


def java_version(command: str) -> int:
    """The major version of a Java command; 0 when it does not run."""
    answer = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)
    major = answer.stderr.partition('version "')[2].partition(".")[0].strip('"')
    return int(major) if major.isdigit() else 0


def classpath(coordinates: Sequence[str], cache: Path = CACHE) -> str:
    """The jars of `group:artifact:version` coordinates and of all that they need, as one class path.

    Downloads what is missing. Raises LessonError when Maven is not there or cannot find them.
    """
    folder = cache / hashlib.sha256(" ".join(coordinates).encode()).hexdigest()[:12]
    answer = folder / "classpath.txt"
    if not answer.exists() or not all(map(os.path.exists, answer.read_text().split(os.pathsep))):
        folder.mkdir(parents=True, exist_ok=True)
        dependencies = "\n".join(DEPENDENCY.format(*coordinate.split(":")) for coordinate in coordinates)
        (folder / "pom.xml").write_text(POM.format(dependencies=dependencies), encoding="utf-8")
        _run_maven(folder, answer)
    return answer.read_text()


def _run_maven(folder: Path, answer: Path) -> None:
    """Let Maven resolve the pom in `folder` and write the class path to `answer`."""
    maven = shutil.which("mvn")
    if not maven:
        raise LessonError("Maven (mvn) fetches Apache Kafka, and it isn't installed: "
                          "install Maven, or Docker instead.")
    print("Maven is fetching Apache Kafka, this once. It may take a minute.", file=sys.stderr)
    goal = ["dependency:build-classpath", "-DincludeScope=runtime", f"-Dmdep.outputFile={answer}"]
    run = subprocess.run([maven, "-B", "-q", *goal], cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        errors = [line for line in run.stdout.splitlines() if "[ERROR]" in line] or ["no reason given"]
        raise LessonError("Maven could not fetch Apache Kafka: "
                          f"{errors[0].partition('[ERROR] ')[2] or errors[0]}")

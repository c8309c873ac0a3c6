"""The files in deploy/ are read as an engine would read them; none runs here."""

from __future__ import annotations

import configparser
import fnmatch
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from smartedit import cli
from smartedit.serve.limits import Limits

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT"}


def instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def options(words: list[str]):
    """The arguments of a `smartedit serve`, parsed by the command itself."""
    assert Path(words[0]).name == "smartedit"
    return cli.parser().parse_args(words[1:])


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_container_files(name):
    lines = instructions(DEPLOY / name)
    words = [word for word, _ in lines]
    assert words[0] == "FROM" and set(words) <= INSTRUCTIONS
    by_word = dict(lines)
    assert re.fullmatch(r"[\w/]+:(?!latest)[\w.-]+", by_word["FROM"]), "a version is named"
    assert by_word["USER"] != "root" and words.index("USER") > words.index("RUN"), "nothing runs as root"
    assert "ADD" not in words and not re.search(r"KEY|SECRET|PASSWORD", by_word["ENV"]), "no secret in a layer"
    assert all("--no-cache-dir" in rest for word, rest in lines if word == "RUN" and "pip install" in rest)
    entry = options(json.loads(by_word["ENTRYPOINT"]))
    assert entry.host == "0.0.0.0" and str(entry.port) == by_word["EXPOSE"] and entry.device == ("cuda" if "gpu" in name else "cpu")
    check = json.loads(by_word["HEALTHCHECK"].split("CMD ")[1])
    assert f":{entry.port}/readyz" in check[-1] and compile(check[-1], name, "exec")
    extra = re.search(r'"\.\[(\w+)\]"', " ".join(rest for word, rest in lines if word == "RUN"))[1]
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_what_is_copied_is_there_and_not_ignored(name):
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    for word, rest in instructions(DEPLOY / name):
        for source in rest.split()[:-1] if word == "COPY" else ():
            source = source.removeprefix("./")
            assert (ROOT / source).exists()
            last = [rule for rule in ignored if fnmatch.fnmatch(source, rule.removeprefix("!"))][-1]
            assert last.startswith("!"), f"{source} does not reach the engine"


def test_compose():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {"smartedit", "smartedit-gpu"}
    for service in services.values():
        home = (DEPLOY / service["build"]["context"]).resolve()
        assert home == ROOT and (home / service["build"]["dockerfile"]).is_file()
        assert service["environment"]["SMARTEDIT_API_KEY"].startswith("${SMARTEDIT_API_KEY:?"), "no key, no start"
        assert service["ports"] == ["8000:8000"] and not service.get("privileged")
        assert int(service["stop_grace_period"].rstrip("s")) > Limits().deadline, "accepted edits are finished"
    assert services["smartedit-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"


def test_systemd():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(DEPLOY / "smartedit.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    assert options(shlex.split(service["ExecStart"])).host == "127.0.0.1"
    assert int(service["TimeoutStopSec"]) > Limits().deadline and service["DynamicUser"] == service["NoNewPrivileges"] == "yes"

"""The README's configuration and snippets, taken literally, against a real server and the sandbox."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gainstage_sandbox import Running
from tests.acceptance.program import ROOT, Program, surroundings, wait_for

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECRETS = {
    "BACKEND_WRITE_KEY": "BACKEND_WRITE_KEY",
    "WEBSITE_WRITE_KEY": "WEBSITE_WRITE_KEY",
    "GAINSIGHT_ACCESS_KEY": "a" * 36,
    "GAINSIGHT_SHARED_SECRET": "s",
    "GAINSIGHT_TENANT_ID": "t",
}


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def configured(program: Program, sandbox: Running) -> Program:
    (text,) = blocks("yaml")
    for name, value in SECRETS.items():
        text = text.replace(f"${{{name}}}", value)
    document = yaml.safe_load(text)
    document["destinations"][0]["settings"]["api_url"] = sandbox.url
    (program.folder / "gainstage.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return program


def delivered(program: Program, count: int) -> bool:
    rows = program.run("status", "--json").json["connections"]
    return sum(row["delivered"] for row in rows) == count


@pytest.mark.parametrize(("snippet", "events"), list(zip(blocks("python"), (3, 1), strict=True)))
def test_an_sdk_snippet_of_the_readme_delivers_its_events(
    configured: Program, sandbox: Running, snippet: str, events: int
) -> None:
    with configured.serving() as address:
        script = configured.folder / "snippet.py"
        script.write_text(snippet.replace("http://127.0.0.1:8080", address), encoding="utf-8")
        subprocess.run([sys.executable, script], check=True, timeout=60, env=surroundings(None))
        wait_for(lambda: delivered(configured, events), 30)
    assert [event["eventName"] for event in sandbox.state.cs.events] == ["ReportExported"]
    if events == 3:
        (person,) = sandbox.state.cs.people.find({"Email": "ada@example.com"})
        assert person["Name"] == "Ada Lovelace"


def test_every_file_that_the_readme_names_is_there() -> None:
    named = re.findall(r"(?:cp |-f |--config )([\w/.-]+\.yaml)", README)
    assert named
    assert all((ROOT / Path(name)).exists() for name in named)

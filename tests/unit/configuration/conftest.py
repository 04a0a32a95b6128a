"""A destination type of its own for these tests, so that they say nothing about the real ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gainstage.destination import Destination, Finding
from gainstage.destinations import registry


class Target(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    version: str
    token: SecretStr | None = None


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    access_key: SecretStr = Field(description="Shown in Administration, Keys.")
    domain: str = "acme.example.com"
    per_minute: int = Field(default=100, ge=1)
    mode: str | None = None
    tags: SecretStr | list[SecretStr] = Field(default_factory=list)
    events: dict[str, Target] = Field(default_factory=dict)

    @field_validator("mode")
    @classmethod
    def known_mode(cls, mode: str | None) -> str | None:
        if mode == "leaky":
            raise ValueError("must not be leaky, said key-0123456789")
        return mode


def warnings(settings: Any) -> tuple[Finding, ...]:
    length = len(settings.access_key.get_secret_value())
    return () if length >= 8 else (Finding("warning", "access_key", f"is {length} characters long"),)


def nothing(*_: Any) -> Any:
    raise AssertionError("not part of configuration")


ACME = Destination(
    name="acme",
    title="Acme",
    settings=Settings,
    kinds=("identify", "group", "track"),
    integration_names=("Acme",),
    plan=nothing,
    exchange=nothing,
    check=nothing,
    tenant=lambda settings: "acme",
    budgets=lambda settings: (),
    pretend=nothing,
    warnings=warnings,
)


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    types = {"acme": ACME}
    monkeypatch.setattr(registry, "load", types.__getitem__)
    monkeypatch.setattr(registry, "names", lambda: tuple(types))


ENVIRONMENT = {"KEY": "key-0123456789", "WEB": "web-write-key", "EMPTY": "", "RATE": "50"}

GOOD = """
sources:
  - name: website
    kind: web
    write_key: ${WEB}
    origins: ["https://app.acme.com/"]
    rate_limit: ${RATE}
  - name: backend
    kind: server
    write_key: written-out
destinations:
  - name: main
    type: acme
    sources: [website]
    types: [identify, track]
    settings:
      access_key: ${KEY}
      events:
        Signed Up: {name: signed_up, version: "1.0"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "gainstage.yaml"
    path.write_text(GOOD, encoding="utf-8")
    yield path

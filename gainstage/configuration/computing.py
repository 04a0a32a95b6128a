"""The forms of audiences and computed traits in the file.

What several definitions say together (names of others, keys) is checked by `computations`.
"""

from typing import Any

from pydantic import Field, StrictBool, StrictStr, model_validator

from gainstage.audiences.definition import Aggregate, Audience, ComputedTrait, Quantifier, Subject
from gainstage.audiences.keys import key_of, wrong_key
from gainstage.configuration.conditions import (
    ConditionForm,
    FilterForm,
    Name,
    Windowed,
    Word,
    WordForm,
    clause,
)


class DefinitionForm(WordForm):
    """What audiences and computed traits have in common."""

    name: Name = Field(description="Any name; its key is made of it unless key says otherwise.")
    key: StrictStr | None = Field(
        default=None,
        description="What destinations know it by. Written down, it stays when the name changes.",
    )
    for_: Subject = Field(default="user", alias="for", description="Whom it is about: user or account.")
    description: str = Field(default="", description="For people.")
    destinations: list[str] = Field(default_factory=list, description="Who is told. Default: nobody.")
    include_anonymous: StrictBool = Field(
        default=False, description="On: also people of whom no userId is known."
    )
    enabled: StrictBool = Field(default=True, description="Off: it is not computed, and nobody is told.")
    paused: StrictBool = Field(default=False, description="On: it keeps what it has; changes wait.")

    @model_validator(mode="after")
    def _has_key(self) -> "DefinitionForm":
        if self.key is None and not key_of(self.name):
            raise ValueError("its name has no Latin letter or digit to make a key of: write a key beside it")
        told = wrong_key(self.made_key)
        if told:
            raise ValueError(f"{'key' if self.key is not None else 'the key of this name'} {told}")
        return self

    @property
    def made_key(self) -> str:
        """The key, written or made of the name."""
        return self.key if self.key is not None else key_of(self.name)

    def shared(self) -> dict[str, Any]:
        return {
            "key": self.made_key,
            "name": self.name,
            "subject": self.for_,
            "description": self.description,
            "include_anonymous": self.include_anonymous,
            "destinations": tuple(self.destinations),
            "enabled": self.enabled,
            "paused": self.paused,
        }


class AudienceForm(DefinitionForm):
    """Who fulfils a condition."""

    where: ConditionForm = Field(description="The condition: all, any, not, event, sequence, trait, ...")
    quantifier: Quantifier | None = Field(
        default=None,
        description="For accounts: of how many of its users conditions about users hold. Default: any.",
    )

    @model_validator(mode="after")
    def _asks_users(self) -> "AudienceForm":
        if self.quantifier is not None and self.for_ != "account":
            raise ValueError("quantifier is for accounts: leave it out, or write for: account")
        return self

    def made(self) -> Audience:
        return Audience(**self.shared(), condition=self.where.made(), quantifier=self.quantifier or "any")


class ComputedTraitForm(DefinitionForm, Windowed):
    """A value made of events."""

    event: Word = Field(description="The event's name; Page Viewed and Screen Viewed for pages and screens.")
    where: list[FilterForm] = Field(default_factory=list, description="Tests of properties: all must hold.")
    aggregate: Aggregate = Field(description="What is made of the events.")
    property: Word | None = Field(default=None, description="Whose values; count needs none.")

    @model_validator(mode="after")
    def _of_what(self) -> "ComputedTraitForm":
        if self.aggregate == "count" and self.property is not None:
            raise ValueError("count counts events: leave property out, or take unique_count")
        if self.aggregate != "count" and self.property is None:
            raise ValueError(f"property is missing: {self.aggregate} is of a property's values")
        return self

    def made(self) -> ComputedTrait:
        return ComputedTrait(
            **self.shared(),
            clause=clause(self.event, self.where, self.property),
            aggregate=self.aggregate,
            window=self.window(),
        )

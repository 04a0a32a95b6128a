"""The tenant's fields, from outside: read, uploaded, checked; a mistake found, corrected and made good.

To write what docs/fields.md shows anew: `python -m tests.acceptance.test_fields`.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import yaml

from gainstage_sandbox import Running, running
from tests.acceptance.program import ROOT, Ended, Program, wait_for
from tests.acceptance.test_cli_document import played, steady

DOCUMENT = ROOT / "docs" / "fields.md"
SPANNING = re.MULTILINE | re.DOTALL
TIER = {"name": "Plan_Tier__gc", "type": "PICKLIST", "options": ["Gold", "Silver"]}


ATTRIBUTES = [
    {"apiName": "plan_tier", "name": "Plan tier"},
    {"apiName": "seats_used", "name": "Seats used", "type": "NUMBER"},
    {"apiName": "beta_user", "name": "Beta user", "type": "BOOLEAN", "state": "DISABLED"},
    {"apiName": "phone", "origin": "DEFAULT", "state": "DISABLED"},
]


def seed_attributes(sandbox: Running) -> None:
    given = {"px": {"attributes": {"user": ATTRIBUTES}}}
    httpx2.post(f"{sandbox.url}/__sandbox__/seed", json=given).raise_for_status()


def seed(sandbox: Running, *company: dict[str, Any]) -> None:
    given = {"cs": {"schema": {"Company": list(company or (TIER,))}}}
    httpx2.post(f"{sandbox.url}/__sandbox__/seed", json=given).raise_for_status()


def configure(program: Program, name: str = "cs", **settings: Any) -> None:
    """One destination of the examples alone, with more settings."""
    path = program.configure()
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["destinations"] = [one for one in content["destinations"] if one["name"] == name]
    content["destinations"][0]["settings"] |= settings
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def findings(ended: Ended) -> set[tuple[str, str]]:
    return {(one["level"], one["setting"]) for one in ended.json["findings"]}


def group(number: int, **traits: Any) -> bytes:
    message = {
        "type": "group", "messageId": f"g-{number}", "userId": "u", "groupId": f"c-{number}",
        "traits": {"name": f"Company {number}", **traits}, "context": {"traits": {"email": "u@acme.test"}},
    }  # fmt: skip
    return json.dumps(message).encode() + b"\n"


def calls(sandbox: Running, path: str = "") -> int:
    return sum(path in entry.raw_path for entry in sandbox.state.journal.entries(0, None, None))


def test_a_mistake_is_found_corrected_and_the_failed_event_delivered(
    program: Program, sandbox: Running
) -> None:
    seed(sandbox)
    configure(program, company_fields={"tier": "Plan_Tier"})
    with program.serving():
        ended = program.run("check", "--json")
        assert ended.code == 1
        (error,) = (one for one in ended.json["findings"] if one["level"] == "error")
        assert (error["destination"], error["setting"]) == ("cs", "company_fields")
        assert "did you mean Plan_Tier__gc?" in error["message"]
        before = calls(sandbox)
        report = program.run("send", "--json", "-", given=group(1, tier="gold")).json
        (failed,) = report["undelivered"]
        assert (failed["outcome"], failed["reason"]) == ("failed", "field_unknown")
        assert "`company_fields`" in failed["detail"] and "gainstage fields --read" in failed["detail"]
        assert calls(sandbox) == before, "no call was spent"
        configure(program, company_fields={"tier": "Plan_Tier__gc"})
        assert program.run("check", "--config", "gainstage.yaml").code == 0
        assert program.run("apply", "-f", "gainstage.yaml").code == 0
        assert program.run("dead", "retry", "--json").json == {"retried": 1}
        (company,) = wait_for(lambda: sandbox.state.snapshot()["cs"]["companies"])
        (option,) = (
            item["value"] for item in describe(sandbox)["Plan_Tier__gc"]["options"] if item["label"] == "Gold"
        )
        assert company["Plan_Tier__gc"] == option
        wait_for(lambda: not program.run("dead", "list", "--json").json)


def describe(sandbox: Running) -> dict[str, Any]:
    answer = httpx2.get(f"{sandbox.url}/v1/api/describe/MDA/company", headers={"Accesskey": "key"})
    return {field["fieldName"]: field for field in answer.json()["data"][0]["fields"]}


def test_values_that_do_not_fit_fail_before_a_call_is_spent(program: Program, sandbox: Running) -> None:
    seed(sandbox)
    configure(program, company_fields={"tier": "Plan_Tier__gc"})
    shown = program.run("fields", "--read", "--json").json
    assert (shown["destination"], shown["origin"], shown["findings"]) == ("cs", "read", [])
    (company,) = (one for one in shown["objects"] if one["name"] == "Company")
    fields = {field["name"]: field for field in company["fields"]}
    assert fields["Plan_Tier__gc"]["from"] == [{"source": "`tier`", "setting": "company_fields"}]
    given = group(1, tier="Lead") + group(
        2, tier="SILVER", renewalDate="2026-03-01T10:00:00Z", arr="$1,234.50"
    )
    report = program.run("send", "--json", "-", given=given).json
    ((failed),) = report["undelivered"]
    assert (failed["message_id"], failed["reason"]) == ("g-1", "value_invalid")
    assert failed["detail"].endswith("the field Plan_Tier__gc needs one of its items: Gold, Silver.")
    assert report["calls"] == {"cs": 3}, "look-up, insert, person: as without the fields"
    (stored,) = sandbox.state.snapshot()["cs"]["companies"]
    assert (stored["Name"], stored["RenewalDate"], stored["Arr"]) == ("Company 2", 1_772_323_200_000, 1234.5)


def test_preview_shows_values_in_the_form_that_the_fields_take(program: Program, sandbox: Running) -> None:
    seed(sandbox)
    configure(program, company_fields={"tier": "Plan_Tier__gc"})
    assert program.run("fields", "--read").code == 0
    (line,) = program.run("preview", "--destination", "cs", "--json", "-", given=group(1, tier="gold")).lines
    assert line["requests"][1]["body"]["records"] == [{"Name": "Company 1", "Plan_Tier__gc": "Gold"}]


def test_delivery_never_reads_the_fields_by_itself(program: Program, sandbox: Running) -> None:
    configure(program)
    assert program.run("send", "--json", "-", given=group(1)).code == 0
    assert calls(sandbox, "describe") == 0
    assert program.run("fields", "--json").json["origin"] is None
    assert calls(sandbox, "describe") == 0
    assert program.run("check").code == 0
    assert calls(sandbox, "describe") == 1
    assert program.run("fields", "--json").json["origin"] == "read", "check keeps them in the data folder"


def test_check_leaves_no_data_folder_behind(program: Program, sandbox: Running) -> None:
    configure(program)
    ended = program.run("check")
    assert ended.code == 0 and "not kept" in " ".join(ended.out.split())
    assert not (program.folder / "gainstage-data").exists()


def test_a_list_is_uploaded_where_the_fields_cannot_be_read(program: Program, sandbox: Running) -> None:
    configure(program, company_fields={"tier": "Plan_Tier__gc"}, person_fields={"seat": "Seat"})
    httpx2.post(
        f"{sandbox.url}/__sandbox__/faults",
        json=[{"fault": "status", "status": 404, "path": "/v1/meta/*", "times": None}],
    ).raise_for_status()
    ended = program.run("fields", "--read")
    assert (ended.code, ended.out) == (1, "")
    assert (
        ended.err.startswith("The tenant's fields could not be read (HTTP 404") and ended.err.count("\n") == 1
    )
    ended = program.run("check", "--json")
    assert ended.code == 0, "what cannot be read is a warning"
    assert ("warning", "") in findings(ended)
    rows = [
        "object,name,type,length,items",
        "Company,Name,STRING,255,",
        "Company,Plan_Tier__gc,PICKLIST,,Gold;Silver",
        "Person,Email,EMAIL,255,",
        "Person,Seat__gc,STRING,10,",
    ]
    (program.folder / "fields.csv").write_text("\n".join(rows), encoding="utf-8")
    ended = program.run("fields", "--upload", "fields.csv", "--json")
    assert ended.code == 0
    assert (ended.json["origin"], len(ended.json["objects"])) == ("uploaded", 2)
    assert ("error", "person_fields") in findings(ended)
    before = calls(sandbox, "/v1/meta/")
    checked = program.run("check", "--json")
    assert checked.code == 1 and findings(ended) <= findings(checked)
    assert calls(sandbox, "/v1/meta/") == before, "the list holds until somebody reads the fields"
    assert program.run("send", "--json", "-", given=group(1, tier="x")).json["undelivered"][0]["reason"] == (
        "value_invalid"
    )
    assert program.run("fields", "--forget", "--json").json["origin"] is None


def test_a_reply_of_describe_is_a_list_too(program: Program, sandbox: Running) -> None:
    seed(sandbox)
    configure(program)
    body = {"objectNames": ["Company", "Person"], "populatePickListOptions": "true"}
    address = f"{sandbox.url}/v1/meta/services/objects/describe"
    reply = httpx2.post(address, json=body, headers={"Accesskey": "key"})
    (program.folder / "reply.json").write_bytes(reply.content)
    uploaded = program.run("fields", "--upload", "reply.json", "--json").json
    assert uploaded["origin"] == "uploaded"
    by_name = {
        one["name"]: one["fields"] for one in program.run("fields", "--read", "--json").json["objects"]
    }
    assert {one["name"]: one["fields"] for one in uploaded["objects"]} == {
        name: by_name[name] for name in ("Company", "Person")
    }


def test_what_is_no_list_of_fields_is_refused_in_a_sentence(program: Program) -> None:
    for text, told in (
        ("", "It lists no fields."),
        ("[{]", "It is no JSON"),
        ("{}", "It holds no objects with `objectName` and `fields`"),
        ("object,name\nCompany,A", "Row 1: `type` is missing."),
        ("object,name,type\nInvoice,A,STRING", "lists no object that Gainsight CS is written to: Invoice."),
    ):
        (program.folder / "list").write_text(text, encoding="utf-8")
        ended = program.run("fields", "--destination", "cs", "--upload", "list")
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended
        assert told in ended.err
    ended = program.run("fields", "--destination", "cs", "--upload", "absent.csv")
    assert (ended.code, ended.err) == (2, "absent.csv cannot be read: No such file or directory.\n")


def test_the_findings_in_the_document_are_what_the_program_prints(program: Program, sandbox: Running) -> None:
    assert shown_anew(program, sandbox).splitlines() == DOCUMENT.read_text(encoding="utf-8").splitlines()


def shown_anew(program: Program, sandbox: Running) -> str:
    """The document with the findings of today's program."""
    owner = {"name": "Account_Owner__gc", "type": "LOOKUP", "lookup": "gsuser"}
    seed(sandbox, TIER, owner, {"name": "ARR__gc", "type": "CURRENCY"})
    seed_attributes(sandbox)
    text = DOCUMENT.read_text(encoding="utf-8")
    settings, shown = (re.findall(rf"^```{kind}\n(.*?)^```$", text, SPANNING) for kind in ("yaml", "console"))
    for name, given, block in zip(("cs", "px"), settings, shown, strict=True):
        configure(program, name, **yaml.safe_load(given)["settings"])
        assert program.run("fields", "--read").code == 0
        text = text.replace(block, steady("\n".join(played(program, block))) + "\n")
    return text


def identify(number: int, **traits: Any) -> bytes:
    message = {"type": "identify", "messageId": f"i-{number}", "userId": f"u-{number}", "traits": traits}
    return json.dumps(message).encode() + b"\n"


def test_a_wrong_attribute_of_px_is_found_corrected_and_the_failed_event_delivered(
    program: Program, sandbox: Running
) -> None:
    seed_attributes(sandbox)
    configure(program, "px", user_attributes={"plan": "Plan tier", "seats": "SEATS_used"})
    with program.serving():
        ended = program.run("check", "--json")
        assert ended.code == 1
        (error,) = (one for one in ended.json["findings"] if one["level"] == "error")
        assert (error["destination"], error["setting"]) == ("px", "user_attributes")
        assert "write plan_tier" in error["message"]
        before = calls(sandbox)
        given = identify(1, plan="Gold") + identify(2, seats="many")
        failed = program.run("send", "--json", "-", given=given).json["undelivered"]
        assert [(one["outcome"], one["reason"]) for one in failed] == [
            ("failed", "field_unknown"),
            ("failed", "value_invalid"),
        ]
        assert calls(sandbox) == before, "no call was spent"
        shown = program.run("fields", "--json").json
        (seats,) = (one for one in shown["objects"][0]["fields"] if one["name"] == "seats_used")
        assert seats["from"] == [{"source": "`seats`", "setting": "user_attributes"}]
        configure(program, "px", user_attributes={"plan": "plan_tier", "seats": "seats_used"})
        assert program.run("apply", "-f", "gainstage.yaml").code == 0
        assert program.run("dead", "retry", "--reason", "field_unknown", "--json").json == {"retried": 1}
        (user,) = wait_for(lambda: sandbox.state.snapshot()["px"]["users"])
        assert user["customAttributes"] == {"plan_tier": "Gold"}
        wait_for(lambda: len(program.run("dead", "list", "--json").json) == 1)


def test_traits_that_px_has_no_place_for_are_counted_by_name(program: Program, sandbox: Running) -> None:
    seed_attributes(sandbox)
    configure(program, "px", user_attributes={"plan": "plan_tier", "address.zip": "seats_used"})
    assert program.run("fields", "--read").code == 0
    traits = {
        "plan": "Gold",
        "phone": "1",
        "company": {"id": 7},
        "address": {"zip": "0150"},
        "name": "Ann Lee",
    }
    report = program.run("send", "--json", "-", given=identify(1, **traits) + identify(2, phone="2")).json
    assert report["undelivered"] == []
    assert program.run("status", "--json").json["unmapped"] == {"px": {"company": 1, "phone": 2}}
    users = {user["identifyId"]: user for user in sandbox.state.snapshot()["px"]["users"]}
    assert users["u-1"]["customAttributes"] == {"plan_tier": "Gold", "seats_used": 150}
    assert "phone" not in users["u-1"] and users["u-1"]["lastName"] == "Lee"


def test_one_of_several_destinations_that_tell_their_fields_is_named(program: Program) -> None:
    program.configure()
    ended = program.run("fields", "--read")
    assert (ended.code, ended.out) == (2, "")
    assert "name one with --destination: cs, px." in ended.err
    shown = program.run("fields", "--destination", "px", "--read", "--json").json
    assert [one["label"] for one in shown["objects"]] == ["User", "Account"]
    assert program.run("fields", "--destination", "cs", "--json").json["origin"] is None


def test_a_destination_that_tells_no_fields_is_refused_in_a_sentence(program: Program) -> None:
    ended = program.run("fields", "--destination", "clickstream")
    assert ended.code == 2 and "does not tell its fields" in ended.err
    ended = program.run("fields", "--destination", "crm")
    assert ended.code == 2 and "There is no destination crm" in ended.err


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(port=0) as vendor:
        DOCUMENT.write_text(shown_anew(Program(Path(folder), vendor.url), vendor), encoding="utf-8")

"""The page for people: it shows what arrived, escapes it, and needs no script."""

from tests.sandbox.vendor import CS, Vendor


def test_the_page_shows_records_requests_faults_and_switches(vendor: Vendor) -> None:
    acme = vendor.company("Acme")
    vendor.person(Email="ada@acme.com", companies=[{"Company_ID": acme}])
    vendor.event({"a": 1})
    vendor.insert({"Name": "n"}, object="usage__gc")
    vendor.user("user-1")
    vendor.track(eventName="Clicked it")
    vendor.clickstream({"type": "track", "messageId": "message-1"})
    vendor.fault("status", status=503, path="/nowhere")
    vendor.set(cs_read_shape="records")
    page = vendor.client.get("/__sandbox__/").text
    for text in ("ada@acme.com", "Acme", "Signed up", "usage__gc", "user-1", "Clicked it", "message-1"):
        assert text in page
    for text in ("503", "/nowhere", "cs_read_shape", "/v1.0/api/people"):
        assert text in page
    assert CS["Accesskey"] not in page


def test_the_page_escapes_and_runs_nothing(vendor: Vendor) -> None:
    vendor.person(Email="a@b.c", Name="<script>alert(1)</script>")
    response = vendor.client.get("/__sandbox__/")
    assert "<script" not in response.text
    assert "style=" not in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_page_is_there_before_anything_happened(vendor: Vendor) -> None:
    assert "No request yet" in vendor.client.get("/__sandbox__/").text
    assert vendor.client.get("/__sandbox__/sandbox.css").headers["content-type"].startswith("text/css")


def test_the_root_leads_to_the_page(vendor: Vendor) -> None:
    for path in ("/", "/__sandbox__"):
        response = vendor.client.get(path)
        assert (response.status_code, response.headers["location"]) == (307, "/__sandbox__/")


def test_a_table_shows_the_newest_rows(vendor: Vendor) -> None:
    vendor.seed(cs={"people": [{"Email": f"person-{n}@b.c"} for n in range(100)]})
    page = vendor.client.get("/__sandbox__/").text
    assert "person-99@b.c" in page
    assert "person-10@b.c" not in page

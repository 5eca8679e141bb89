"""POST and GET /v1/events: forms, receipts, duplicates, refusals."""
import json

import pytest
from host import ACME, BATCH, JSON, NDJSON, STRUCTURED, Host, rated


def structured(event_id, **more):
    return {"specversion": "1.0", "id": event_id, "source": "/till/1", **rated(**more)}


def test_structured_receipt_and_retry(cxd):
    event = structured("s1", unit="b07", subject="c-1")
    status, first = cxd.post(event, STRUCTURED)
    assert status == 201
    assert first["id"] == "s1" and first["source"] == "/till/1" and first["seq"] >= 1
    assert first["time"] == "2026-03-02T10:00:00-03:00" and "recordedtime" in first
    assert cxd.post(event, STRUCTURED) == (200, first)
    shuffled = json.dumps(dict(reversed(event.items())), indent=2)
    assert cxd.post(shuffled, STRUCTURED) == (200, first)


def test_same_id_other_content_is_409(cxd):
    cxd.post(structured("conflict"), STRUCTURED)
    status, reply = cxd.post(structured("conflict", score=3), STRUCTURED)
    assert (status, reply["code"]) == (409, "id_conflict")


def test_conflict_goes_before_the_schema(cxd):
    cxd.post(structured("c2"), STRUCTURED)
    status, reply = cxd.post(structured("c2", score=11), STRUCTURED)
    assert (status, reply["code"]) == (409, "id_conflict")


def test_binary_mode_is_the_same_event(cxd):
    head = {"ce-specversion": "1.0", "ce-id": "b1", "ce-source": "/till/1", "ce-type": "visit.rated",
            "ce-time": "2026-03-02T10:00:00-03:00", "ce-subject": "Jos%C3%A9"}
    status, first = cxd.post({"score": 9}, JSON, head)
    assert status == 201, first
    same = structured("b1", subject="José")
    assert cxd.post(same, STRUCTURED) == (200, first)


def test_a_batch_with_an_id_of_ours_is_not_retry_safe(cxd):
    reply = cxd.post(json.dumps(rated()) + "\n" + json.dumps(rated(id="own-id", source="/own")), NDJSON)[1]
    assert reply["accepted"] == 2 and reply["retry_safe"] is False
    assert "retry_safe" not in cxd.post(json.dumps(rated(id="own-id", source="/own")), NDJSON)[1]


def test_a_rejected_item_names_all_its_mistakes(cxd):
    items = [rated(id="m1", source="/m", data={"score": 11, "channel": "fax", "colour": "red"}), rated(id="m2", source="/m", data={"score": 11})]
    several, one = cxd.post("\n".join(map(json.dumps, items)), NDJSON)[1]["rejected"]
    assert [e["field"] for e in several["errors"]] == ["data.score", "data.channel", "data.colour"]
    assert several["errors"][0] == {k: several[k] for k in ("field", "code", "detail")} and "errors" not in one


def test_plain_without_id_is_not_retry_safe(cxd):
    status, reply = cxd.post({"type": "visit.rated", "data": {"score": 1}})
    assert status == 201 and reply["retry_safe"] is False and len(reply["id"]) == 26
    assert reply["source"].startswith("/uid/")


def test_structured_without_id_is_422(cxd):
    event = structured("x")
    del event["id"]
    status, reply = cxd.post(event, STRUCTURED)
    assert (status, reply["code"], reply["field"]) == (422, "missing_field", "id")


@pytest.mark.parametrize("change, code, field", [
    ({"data": {"score": 8.5}}, "invalid_field", "data.score"),
    ({"data": {"score": 8.0}}, "invalid_field", "data.score"),
    ({"data": {"score": 11}}, "invalid_field", "data.score"),
    ({"data": {"score": "9"}}, "invalid_field", "data.score"),
    ({"data": {"scor": 9}}, "unknown_field", "data.scor"),
    ({"data": {"channel": "fax"}}, "invalid_field", "data.channel"),
    ({"data": {"score": None}}, "missing_field", "data.score"),
    ({"data": {"comment": "x" * 5000}}, "invalid_field", "data.comment"),
    ({"type": "visit.unknown"}, "unknown_type", "type"),
    ({"time": "2026-03-02 10:00"}, "invalid_field", "time"),
    ({"subject": 7}, "invalid_field", "subject"),
    ({"subject": "x" * 300}, "invalid_field", "subject"),
    ({"recordedtime": "2026-03-02T10:00:00Z"}, "invalid_field", "recordedtime"),
    ({"corrects": "s1"}, "invalid_field", "corrects"),
    ({"sequence": "12a"}, "invalid_field", "sequence"),
    ({"tpye": "x"}, "unknown_field", "tpye"),
])
def test_refusals_name_code_and_field(cxd, change, code, field):
    event = rated(**change)
    status, reply = cxd.post(event)
    assert status == 422, reply
    found = {(e["code"], e["field"]) for e in reply.get("errors", [])} | {(reply["code"], reply.get("field"))}
    assert (code, field) in found, reply


def test_all_wrong_fields_at_once(cxd):
    status, reply = cxd.post(rated(score=99, data={"channel": "fax", "extra": 1}))
    assert status == 422
    assert {e["field"] for e in reply["errors"]} == {"data.score", "data.channel", "data.extra"}


def test_language_of_the_answer(cxd):
    pt = cxd.post(rated(score=99))[1]["detail"]
    en = cxd.post(rated(score=99), headers={"Accept-Language": "en"})[1]["detail"]
    assert pt != en


@pytest.mark.parametrize("body, status, code", [
    ("{", 400, "bad_json"), ("", 400, "bad_json"), ('{"a":1,"a":2}', 400, "bad_json"),
    ("[1]", 422, "not_an_event"), ("7", 422, "not_an_event"), ("{}", 422, "missing_field"),
    ('{"data":' + "[" * 40 + "]" * 40 + "}", 400, "too_deep"),
    ('{"type":"visit.rated","data":{"score":1e999}}', 400, "number_range"),
])
def test_bodies_that_are_no_event(cxd, body, status, code):
    got, reply = cxd.post(body)
    assert (got, reply["code"]) == (status, code)


def test_media_types(cxd):
    status, reply = cxd.post("x", "text/plain")
    assert (status, reply["code"]) == (415, "unsupported_media_type")
    assert cxd.post(rated(id="m1"), "application/json; charset=utf-8")[0] == 201


@pytest.mark.parametrize("charset, good", [
    ("utf-8", True), ('"UTF-8"', True), ("us-ascii", True), ("iso-8859-1", False), ('"windows-1252"', False), ("utf-16; x=y", False),
])
@pytest.mark.parametrize("kind", [JSON, NDJSON, BATCH])
def test_only_utf_8_is_read(cxd, kind, charset, good):
    body = json.dumps({"specversion": "1.0", **rated(id="cs", source="/cs")})
    status, reply = cxd.post(f"[{body}]" if kind == BATCH else body, f"{kind}; a=b; charset={charset}" if kind == NDJSON else f"{kind}; Charset={charset}")
    if good:
        assert status in (200, 201) and not reply.get("rejected"), reply
    else:
        assert (status, reply["code"], reply["field"]) == (415, "unsupported_media_type", "content-type") and "UTF-8" in reply["detail"]


def test_a_duplicate_key_is_named(cxd):
    status, reply = cxd.post('{"type":"visit.rated","data":{"score":1,"score":2}}', headers={"Accept-Language": "en"})
    assert (status, reply["code"]) == (400, "bad_json") and 'the key "score" appears twice' in reply["detail"]


def test_amounts_are_told_in_the_company_s_currency(tmp_path):
    with Host(tmp_path, plugins={"acme": ACME.replace('cx.money { currency = "BRL" }', "cx.money {}")},
              conf={"company.currency": "EUR"}) as host:
        out = host.get("/v1/plugins")[1]["plugins"][0]["errors"]
        assert any('with currency = "EUR"' in e["message"] for e in out), out
    host = Host(tmp_path / "two", plugins={"a": 'cx.plugin { name = "a", version = "1.0.0", api = 1 }\ncx.event "a.done" { fields = { paid = cx.money {}, yen = cx.money { currency = "JPY" } } }'},
                conf={"company.currency": "EUR"})
    with host:
        status, reply = host.post({"type": "a.done", "data": {"paid": "19.99", "yen": 1.5}}, headers={"Accept-Language": "en"})
        assert status == 422 and '"currency":"EUR"}' in reply["errors"][0]["detail"] and "minor units of JPY" in reply["errors"][1]["detail"]


def test_a_number_out_of_range_is_told_the_range(cxd):
    for score, lang, words in ((11, "en", "must be between 0 and 10"), (-1, "pt", "deve ficar entre 0 e 10"), (2**53, "en", "must be between 0 and 10")):
        reply = cxd.post(rated(data={"score": score}), headers={"Accept-Language": lang})[1]
        assert words in reply["detail"], reply


def test_event_too_large(cxd):
    status, reply = cxd.post(rated(data={"comment": "x" * 70000}))
    assert (status, reply["code"]) == (413, "event_too_large")


def test_batch_gives_each_item_its_result(cxd):
    events = [structured("batch-1"), structured("batch-2", score=11), structured("batch-1"), 7,
              structured("batch-3")]
    status, reply = cxd.post(events, BATCH, path="/v1/events?receipts=1")
    assert status == 200, reply
    assert (reply["accepted"], reply["duplicates"]) == (3, 0) or (reply["accepted"], reply["duplicates"]) == (2, 1)
    assert [(r["index"], r["code"]) for r in reply["rejected"]] == [(1, "invalid_field"), (3, "not_an_event")]
    assert [r["index"] for r in reply["receipts"]] == [0, 2, 4]
    again = cxd.post(events, BATCH)[1]
    assert (again["accepted"], again["duplicates"], again["first_seq"]) == (0, 3, None)


def test_batch_that_is_no_json_stores_nothing(cxd):
    before = cxd.get("/v1/events?after=0&limit=1000")[1]
    body = json.dumps([structured("never")])[:-1] + ",{]"
    status, reply = cxd.post(body, BATCH)
    assert (status, reply["code"]) == (400, "bad_json")
    assert cxd.get("/v1/events?after=0&limit=1000")[1] == before


def test_ndjson_refuses_a_bad_line_alone(cxd):
    body = json.dumps(rated(id="n1")) + "\n\nnot json\r\n" + json.dumps(rated(id="n2")) + "\n"
    status, reply = cxd.post(body, NDJSON)
    assert status == 200 and reply["accepted"] == 2
    assert [(r["index"], r["code"]) for r in reply["rejected"]] == [(1, "bad_json")]


def test_batch_over_ten_thousand_is_413(cxd):
    status, reply = cxd.post("{}\n" * 10001, NDJSON)
    assert (status, reply["code"]) == (413, "body_too_large")


def test_large_batch_is_stored_whole_and_in_order(cxd):
    body = "\n".join(json.dumps(rated(id=f"L{i}", source="/big")) for i in range(5000))
    status, reply = cxd.post(body, NDJSON)
    assert (status, reply["accepted"], reply["rejected"]) == (200, 5000, [])
    seqs, after = [], reply["first_seq"] - 1
    while True:
        page = cxd.get(f"/v1/events?after={after}&limit=1000")[1]
        seqs += [(e["seq"], e["id"]) for e in page["events"] if e["source"] == "/big"]
        if page["next"] is None:
            break
        after = page["next"]
    assert [i for _, i in seqs] == [f"L{i}" for i in range(5000)]


def test_get_filters_and_pages(cxd):
    for i in range(5):
        cxd.post(rated(id=f"g{i}", source="/page", subject=f"p{i}", unit="u9", time=f"2026-05-0{i + 1}T12:00:00-03:00"))
    page = cxd.get("/v1/events?unit=u9&limit=2")[1]
    assert [e["id"] for e in page["events"]] == ["g0", "g1"] and page["next"]
    rest = cxd.get(f"/v1/events?unit=u9&after={page['next']}")[1]
    assert [e["id"] for e in rest["events"]] == ["g2", "g3", "g4"] and rest["next"] is None
    one = cxd.get("/v1/events?unit=u9&from=2026-05-02&to=2026-05-03")[1]["events"]
    assert [e["id"] for e in one] == ["g1"]
    assert one[0]["data"] == {"score": 9} and one[0]["type"] == "visit.rated" and "recordedtime" in one[0]
    assert cxd.get("/v1/events?subject=p3")[1]["events"][0]["id"] == "g3"


@pytest.mark.parametrize("query, field", [
    ("%ff=2", "?"), ("type=%ff", "type"), ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("after=-1", "after"),
    ("from=yesterday", "from"), ("tyep=x", "tyep"), ("from=2026-01-02&to=2026-01-01", "from"),
    ("limit=5&limit=6", "limit"), ("type=a&type=b", "type"), ("after=99999999999999999999", "after"),
])
def test_bad_queries_name_the_parameter(cxd, query, field):
    status, reply = cxd.get(f"/v1/events?{query}")
    assert (status, reply["code"], reply["field"]) == (400, "bad_query", field)


def test_clock_ahead_is_marked(cxd):
    status, reply = cxd.post(rated(id="future", time="2999-01-01T00:00:00Z"))
    assert status == 201 and reply["clockahead"] is True


def test_time_is_kept_as_sent(cxd):
    reply = cxd.post(rated(id="tz", time="2026-03-02T13:00:00.5Z"))[1]
    assert reply["time"] == "2026-03-02T13:00:00.5Z"


def test_seqs_follow_the_order_of_the_requests_of_a_connection(cxd):
    """A batch takes several transactions; what the same connection sends after it comes after it."""
    import socket
    lines = "\n".join(json.dumps(rated(id=f"p{i}", source="/order")) for i in range(3000))
    single = json.dumps(rated(id="after", source="/order"))

    def request(kind, body):
        body = body.encode()
        return (f"POST /v1/events HTTP/1.1\r\nHost: cxd\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    s = socket.socket(socket.AF_UNIX)
    s.connect(cxd.socket)
    s.settimeout(30)
    s.sendall(request(NDJSON, lines) + request(JSON, single))
    answer = b""
    while b'"after"' not in answer or not answer.rstrip().endswith(b"}"):
        answer += s.recv(65536)
    s.close()
    last = json.loads(answer.split(b"\r\n\r\n")[1].split(b"HTTP/1.1")[0])["last_seq"]
    assert json.loads(answer.split(b"\r\n\r\n")[2])["seq"] == last + 1

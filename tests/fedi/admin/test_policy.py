"""The policy in the console: a typo changes nothing; drafts, simulations, versions, lists, and why something was decided."""

import re

from storage import policies
from tests.fedi.admin.conftest import POLICY, Browser, Campus


async def test_a_policy_with_a_typo_changes_nothing_and_is_not_lost(ruled: Campus, as_ada: Browser) -> None:
    wrong = POLICY.replace("keyword", "keywrd")
    for verb in ("apply", "draft", "simulate"):
        page = await as_ada.post("/admin/policy", {"do": verb, "text": wrong, "comment": "look", "parent": "1"})
        assert page.status == 422, verb
        assert "line 3" in page.words
        assert "keywrd" in page.text
        assert ">look</textarea>" in page.text
    live = await as_ada.post("/admin/policy/check", {"text": wrong})
    assert 'data-line="3"' in live.text
    assert "keyword" in live.words
    assert ruled.read(policies.in_force).version == 1
    assert len(ruled.read(lambda tx: policies.newest(tx, 9))) == 1


async def test_mend_simulate_apply_and_go_back(ruled: Campus, as_ada: Browser, as_bruno: Browser) -> None:
    better = POLICY + '\n[[rule]]\nid = "r-many"\nwhen = { media = ">4" }\nthen = "reject"\n'
    page = await as_ada.post("/admin/policy", {"do": "simulate", "text": better, "days": "14", "parent": "1"})
    assert "16 newly refused" in page.words
    assert re.search(r'<rect class="refused"[^>]*><title>r-many: 16 newly refused</title>', page.text)
    assert "r-many" in page.words
    path = page.path if "/simulations/" in page.path else ""
    found = re.search(r'action="(/admin/policy/simulations/\d+)"', page.text)
    assert found is not None, path
    page = await as_ada.post(found[1], {"comment": "at most four pictures"})
    assert "Applied. It counts from now on." in page.words
    assert ruled.read(policies.in_force).version == 2
    # Who began from an older version is told, and takes nothing away.
    page = await as_bruno.post("/admin/policy", {"do": "apply", "text": POLICY, "comment": "mine", "parent": "1"})
    assert page.status == 422
    assert "version 2 is in force by now" in page.words
    assert ruled.read(policies.in_force).version == 2
    page = await as_bruno.post(found[1], {"comment": "once more"})
    assert page.status == 422
    assert "this was made from version 1" in page.words
    diff = await as_ada.get("/admin/policy/diff?a=1&b=2")
    assert "New: r-many" in diff.words
    version = await as_ada.get("/admin/policy/versions/2")
    assert re.search(
        r'id = &#34;r-many&#34;</td><td class="by"><a href="/admin/policy/versions/2">2</a> ada', version.text
    )
    assert re.search(
        r'id = &#34;r-essays&#34;</td><td class="by"><a href="/admin/policy/versions/1">1</a>', version.text
    )
    page = await as_bruno.post("/admin/policy/versions/1", {"do": "rollback", "comment": "too strict"})
    assert "The earlier version counts again" in page.words
    assert ruled.read(policies.in_force).document == POLICY


async def test_who_wrote_a_draft_does_not_approve_it(ruled: Campus, as_ada: Browser, as_bruno: Browser) -> None:
    await as_ada.post("/admin/policy", {"do": "draft", "text": "", "comment": "no rules", "parent": "1"})
    page = await as_ada.post("/admin/policy/versions/2", {"do": "approve"})
    assert page.status == 422
    assert "another admin" in page.words
    assert "approved by bruno" in (await as_bruno.post("/admin/policy/versions/2", {"do": "approve"})).words
    assert ruled.read(policies.in_force).version == 1


async def test_why(ruled: Campus, as_ada: Browser) -> None:
    page = await as_ada.get("/admin/explain?of=https://south.example/a/10")
    assert "refused Offers to write theses for money" in page.words
    assert "asked again, it gives the same answer" in page.words
    assert re.search(r'matched ends"><p><code>r-essays</code>', page.text)
    page = await as_ada.get("/admin/explain?of=https://south.example/a/none")
    assert "Nothing is known of this" in page.words


async def test_a_list_is_imported_into_the_document_and_not_saved(ruled: Campus, as_ada: Browser) -> None:
    sent = {"do": "import", "text": POLICY, "parent": "1", "source": "list.example"}
    page = await as_ada.post("/admin/policy", sent | {"list": "#domain,#severity\nspam.example,suspend\n"})
    assert "1 rule was put into the document" in page.words
    assert "spam.example" in page.text
    assert "r-essays" in page.text
    assert ruled.read(policies.in_force).version == 1
    page = await as_ada.post("/admin/policy", sent | {"list": "<html>"})
    assert page.status == 422

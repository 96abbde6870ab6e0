"""Posts of this instance as documents."""

from fedi.actions import people, posts
from fedi.actions.posts import Draft
from fedi.context import Site
from fedi.rendering import posts as rendering


def test_a_hashtag_has_its_name_and_leads_to_its_page(site: Site) -> None:
    ada = site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
    post = site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("All of #Optics")))
    made = site.db.read_now(lambda tx: rendering.document(tx, site, post))
    [tag] = made["tag"]
    assert tag["type"] == "Hashtag"
    assert tag["name"].lower() == "#optics"
    assert tag["href"].lower() == f"{site.config.origin}/tags/optics"

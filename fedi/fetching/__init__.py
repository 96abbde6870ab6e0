"""Ask other servers for what is not known here: actors, their keys, posts. The only code below the doors that does.

Every answer passes policy and proves its origin (FEP-fe34) before anything of it is kept. The same question asked twice
at once is one request; what could not be had is not asked for again for a minute.
"""

from fedi.fetching.activities import activity, proven
from fedi.fetching.actors import ACTOR_KINDS, MAX_MODERATORS, actor, interaction, keep_actor, moderators
from fedi.fetching.asking import document, instance_key
from fedi.fetching.keys import check_failed, key, rotated_key
from fedi.fetching.posts import MAX_PARENTS, post, resolve

__all__ = [
    "ACTOR_KINDS",
    "MAX_MODERATORS",
    "MAX_PARENTS",
    "activity",
    "actor",
    "check_failed",
    "document",
    "instance_key",
    "interaction",
    "keep_actor",
    "key",
    "moderators",
    "post",
    "proven",
    "resolve",
    "rotated_key",
]

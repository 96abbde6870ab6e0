"""The people, groups and threads of the demo (`fedi demo`): three universities, what they teach, what they talk about."""

from typing import NamedTuple


class Member(NamedTuple):
    """A person of a university; `affiliation` as eduPersonAffiliation words it."""

    username: str
    name: str
    role: str
    affiliation: str
    note: str
    programme: str = ""


class Circle(NamedTuple):
    """A group: `members` are `username@university`; the first one owns it and is of its own university."""

    name: str
    title: str
    see: str
    description: str
    rules: tuple[str, ...]
    members: tuple[str, ...]


class University(NamedTuple):
    """One instance of the demo."""

    name: str
    title: str
    description: str
    people: tuple[Member, ...]
    groups: tuple[Circle, ...]


class Said(NamedTuple):
    """A post: who says it, in answer to which other one (by key), in which group (`name@university`), who likes it.

    With `title` it is written on a page, where titles are given, and an Article; with `options` it asks a poll, in which
    `votes` say who chooses which (from 0). `pinned_by` moderates its group. `plot` describes the picture that is shown with it.
    With `asks` its thread is a question, and `accepts` is the key of the answer that helped.
    """

    key: str
    who: str
    text: str
    to: str = ""
    group: str = ""
    liked_by: tuple[str, ...] = ()
    boosted_by: tuple[str, ...] = ()
    title: str = ""
    options: tuple[str, ...] = ()
    votes: tuple[tuple[str, int], ...] = ()
    pinned_by: str = ""
    quotes: str = ""
    plot: str = ""
    asks: bool = False
    accepts: str = ""


class Cited(NamedTuple):
    """A work that somebody adds to the library of a group (`name@university`), as BibTeX, with a word on it."""

    who: str
    group: str
    bibtex: str
    note: str
    licence: str = ""
    shelf: str = ""


UNIVERSITIES = (
    University(
        "north",
        "University of Northmoor",
        "Community of the Masters programmes in Data Science and in Energy Systems at Northmoor.",
        (
            Member(
                "margit", "Margit Halvorsen", "admin", "staff", "Runs the graduate school's servers and its coffee."
            ),
            Member(
                "ingrid", "Ingrid Solberg", "moderator", "faculty", "Machine learning in operation; supervises theses."
            ),
            Member(
                "ada",
                "Ada Okafor",
                "member",
                "student",
                "Second year. Forecasting, wind, long train rides.",
                "MSc Data Science",
            ),
            Member("jonas", "Jonas Lind", "member", "student", "Pipelines that run at night.", "MSc Data Science"),
            Member(
                "tuva",
                "Tuva Berg",
                "member",
                "alum",
                "Grid planner. Ask me about the time after the thesis.",
                "MSc Energy Systems, 2025",
            ),
        ),
        (
            Circle(
                "mlops",
                "ML Operations",
                "public",
                "Getting models out of notebooks and keeping them honest. For students and staff of all universities.",
                ("Say what you tried.", "Numbers with units, data with a source."),
                ("ingrid@north", "ada@north", "jonas@north", "lucia@south", "mateo@south", "kenji@east", "priya@east"),
            ),
        ),
    ),
    University(
        "south",
        "Southbridge University",
        "Community of the Masters programmes in Public Health and in Statistics at Southbridge.",
        (
            Member("rafael", "Rafael Duarte", "admin", "staff", "Research computing."),
            Member(
                "carmen", "Carmen Ibarra", "moderator", "faculty", "Spatial epidemiology, small areas, honest maps."
            ),
            Member("lucia", "Lucía Ferrer", "member", "student", "From nursing to statistics.", "MSc Public Health"),
            Member("mateo", "Mateo Rossi", "member", "student", "Bayes on a laptop.", "MSc Statistics"),
            Member(
                "noor",
                "Noor Haddad",
                "member",
                "student",
                "Interested in who is missing from the data.",
                "MSc Public Health",
            ),
        ),
        (
            Circle(
                "spatial",
                "Spatial Epidemiology",
                "peers",
                "Maps, small numbers and what may be concluded from them. Read by our partner universities.",
                ("No data that could identify a person.",),
                ("carmen@south", "lucia@south", "noor@south", "priya@east", "jonas@north"),
            ),
            Circle(
                "models",
                "Models at Southbridge",
                "public",
                "What we run on our own machines; one with ML Operations at Northmoor.",
                ("Say what you tried.",),
                ("carmen@south", "noor@south", "elif@east"),
            ),
        ),
    ),
    University(
        "east",
        "Eastvale Institute of Technology",
        "Community of the Masters programmes in Robotics and in Computational Linguistics at Eastvale.",
        (
            Member("mei", "Mei Tanaka", "admin", "staff", "Library and learning platforms."),
            Member("daniel", "Daniel Weiss", "moderator", "faculty", "Speech and small languages."),
            Member("kenji", "Kenji Mori", "member", "student", "Robots that ask before they act.", "MSc Robotics"),
            Member(
                "priya",
                "Priya Raman",
                "member",
                "student",
                "Language models for clinics.",
                "MSc Computational Linguistics",
            ),
            Member("elif", "Elif Kaya", "member", "student", "Gesture and speech.", "MSc Robotics"),
        ),
        (
            Circle(
                "thesis",
                "Thesis Circle 2027",
                "members",
                "Half-finished chapters among friends. What is said here stays here.",
                ("Read one before you post one.",),
                ("daniel@east", "kenji@east", "priya@east", "ada@north", "lucia@south"),
            ),
        ),
    ),
)

TWINS = (("mlops@north", "models@south"),)
"""Groups of different universities that are one: the first asks, the second agrees."""

FOLLOWS = (
    ("ada@north", "lucia@south"),
    ("ada@north", "kenji@east"),
    ("ada@north", "tuva@north"),
    ("jonas@north", "ada@north"),
    ("tuva@north", "ingrid@north"),
    ("lucia@south", "ada@north"),
    ("lucia@south", "priya@east"),
    ("mateo@south", "ingrid@north"),
    ("noor@south", "lucia@south"),
    ("kenji@east", "ada@north"),
    ("priya@east", "carmen@south"),
    ("elif@east", "kenji@east"),
)

TALK = (
    Said(
        "store",
        "lucia@south",
        "Who runs a feature store with fewer than two people?\n\n"
        "Our ward forecast needs the same twelve features at training time and at six in the morning. We compute them "
        "twice, in two languages, and last week they differed. Before I build something: what is the least that worked "
        "for you?",
        group="mlops@north",
        liked_by=("jonas@north", "kenji@east"),
        asks=True,
        accepts="store-1",
    ),
    Said(
        "store-1",
        "ingrid@north",
        "A table and a rule: features are written once, by one job, with the time at which they could have been known. "
        "Training reads the same table with «as of». You need no product for that, you need the second column.",
        to="store",
        liked_by=("lucia@south", "priya@east"),
    ),
    Said(
        "store-2",
        "kenji@east",
        "Seconded. On the robot we log the features that the model really saw and train on those. The differences "
        "between training and serving become impossible instead of rare.",
        to="store-1",
    ),
    Said(
        "store-3",
        "lucia@south",
        "The second column is exactly what we lack. I will try it on the winter data and report here.",
        to="store-1",
        liked_by=("ingrid@north",),
    ),
    Said(
        "drift",
        "priya@east",
        "Reading group on drift, Friday 12:00 CET\n\n"
        "Three papers on telling a changed world from a broken sensor. Bring one plot of your own. #drift #readinggroup",
        group="mlops@north",
        boosted_by=("lucia@south",),
        pinned_by="ingrid@north",
    ),
    Said(
        "drift-1",
        "ada@north",
        "I bring wind turbines: the distribution moved by a third in May and nothing was wrong, a new blade profile was.",
        to="drift",
        plot="Two bell curves of wind speeds in metres a second: April around 8, May around 10.7, of the same width.",
        liked_by=("priya@east", "mateo@south"),
    ),
    Said(
        "drift-2",
        "mateo@south",
        "Then I bring the opposite: a sensor that died so slowly that every test called it weather.",
        to="drift-1",
        liked_by=("ada@north",),
    ),
    Said(
        "night",
        "jonas@north",
        "What do you do when the nightly run fails at 04:10?\n\n"
        "Mine retries three times and then sends me a mail that I read at nine. By then the forecast is yesterday's. "
        "Do you serve the old one with a note, or nothing?",
        group="mlops@north",
    ),
    Said(
        "night-1",
        "lucia@south",
        "On the wards: the old one, with its age in large letters. Nothing at all was worse, people guessed.",
        to="night",
        liked_by=("jonas@north",),
    ),
    Said(
        "small",
        "carmen@south",
        "Small areas: what may we print?\n\n"
        "Draft of our rule: no rate without its interval, no area under 500 persons alone, no colour for what is noise. "
        "I would like objections before it is taught.",
        group="spatial@south",
    ),
    Said(
        "small-1",
        "priya@east",
        "The clinics I work with would merge areas by hand until they are big enough, and then compare those. "
        "Could the rule say who may choose the borders?",
        to="small",
        liked_by=("carmen@south",),
    ),
    Said(
        "small-2",
        "noor@south",
        "And the other way round: those who live in no area at all. In our data they are 2 % and all of the story.",
        to="small-1",
        liked_by=("carmen@south",),
    ),
    Said(
        "chapter",
        "kenji@east",
        "Chapter 2, for the brave\n\nIt is too long and I know where. Tell me what you would not miss.",
        group="thesis@east",
    ),
    Said(
        "chapter-1",
        "ada@north",
        "Section 2.3 explains what 2.4 assumes nobody knows. Turn them round and half of it goes.",
        to="chapter",
        liked_by=("kenji@east",),
    ),
    Said(
        "chapter-2",
        "lucia@south",
        "Agreed, and I would not miss figure 7. It shows what the sentence above it says.",
        to="chapter-1",
        liked_by=("ada@north", "kenji@east"),
    ),
    Said(
        "small-3",
        "jonas@north",
        "We have the same with single turbines: name the site and you have named the owner. We report by valley.",
        to="small-1",
        liked_by=("priya@east",),
    ),
    Said(
        "when",
        "jonas@north",
        "When should the nightly run be done?\n\nI will move ours to what most of you need.",
        group="mlops@north",
        options=("By four", "By six", "By eight"),
        votes=(("lucia@south", 1), ("kenji@east", 2), ("priya@east", 1)),
    ),
    Said(
        "asof",
        "lucia@south",
        "Three weeks ago our forecast learned from the future. The table of admissions has one row per patient, and each "
        "row is corrected for days: a ward is changed, a discharge is entered late, a test comes back. When we trained on "
        "the table as it is today, the model saw corrections that nobody had at six in the morning. It was very good, "
        "until it was asked.\n\n"
        "The remedy is a second time on every row. The first says when something happened, the second when we could have "
        "known it. A feature for a certain morning is then a question with two limits: what happened before, among what "
        "was known before. Databases call this bitemporal; for us it is a column and a habit.\n\n"
        "It costs less than I feared. Rows are never changed, only added, so the table grows by a third in a winter. The "
        "join takes the last row per patient before the second time, which an index on patient and time does well. On "
        "our two winters, 41 000 stays, building all features takes four minutes on a laptop.\n\n"
        "What it showed is uncomfortable. With honest features the error rose from 2.1 beds to 3.4. That is the model we "
        "always had; we had only measured another one. The ward now plans with 3.4 and is less surprised.\n\n"
        "Two things I would do again at once: write the rule into the job that fills the table, where nobody can forget "
        "it, and keep one test that trains with the dates shuffled, which must fail. One thing I would not: explain it "
        "with a diagram first. The sentence «what could we have known?» did it in a minute.",
        group="mlops@north",
        title="What could we have known? Features with two times",
        liked_by=("ingrid@north", "mateo@south"),
    ),
    Said(
        "asof-1",
        "carmen@south",
        "The second time also says who is entered late. With us that is not random, and I had never looked.",
        to="asof",
    ),
    Said(
        "metric",
        "priya@east",
        "Which metric when two in a hundred are ill?\n\n"
        "With $p = 0.02$ a model that says «healthy» is right in $1 - p = 98\\,\\%$ of cases. We report "
        "$$F_1 = \\frac{2\\,PR}{P + R}$$ and nobody on the ward knows what to do with it. What do you show them?",
        group="mlops@north",
        asks=True,
    ),
    Said(
        "metric-1",
        "ingrid@north",
        "Two counts: of a hundred alarms, how many are false, and of a hundred ill people, how many are missed. "
        "That is $1 - P$ and $1 - R$, in words that fit on a door.",
        to="metric",
        liked_by=("priya@east", "noor@south"),
    ),
    Said(
        "gpu",
        "noor@south",
        "One shared GPU, eleven theses\n\n"
        "We tried a list on the door, then a calendar. What do you use where people are polite and deadlines are not?",
        group="models@south",
    ),
    Said(
        "gpu-1",
        "ada@north",
        "A queue with a limit of four hours a job. Nobody needs more who saves what they have, and everybody learns to.",
        to="gpu",
        liked_by=("noor@south",),
    ),
    Said(
        "again",
        "mateo@south",
        "If you read one thing this week, and have a table with dates in it:",
        quotes="asof",
    ),
    Said("hello", "ada@north", "First snow on the turbines, and the model saw it coming by eleven hours. #wind"),
    Said("hello-1", "kenji@east", "Eleven! What did the one without temperature say?", to="hello"),
    Said(
        "job",
        "tuva@north",
        "We look for two thesis students in grid planning from February on, supervised with Northmoor. Write to me. "
        "#thesis",
        boosted_by=("ada@north",),
    ),
)

LIBRARY = (
    Cited(
        "ingrid@north",
        "mlops@north",
        "@inproceedings{sculley2015, title={Hidden Technical Debt in Machine Learning Systems}, author={Sculley, D. and "
        "Holt, Gary and Golovin, Daniel}, booktitle={Advances in Neural Information Processing Systems}, year={2015}}",
        "Read this one first. Everything in it has happened to us.",
        shelf="To begin with",
    ),
    Cited(
        "priya@east",
        "mlops@north",
        "@article{gama2014, title={A survey on concept drift adaptation}, author={Gama, Jo\u00e3o and \u017dliobait\u0117, Indr\u0117 "
        "and Bifet, Albert}, journal={ACM Computing Surveys}, year={2014}, doi={10.1145/2523813}}",
        "For Friday: sections 1 and 2 are enough.",
        shelf="Reading group",
    ),
    Cited(
        "lucia@south",
        "mlops@north",
        "@book{snodgrass1999, title={Developing Time-Oriented Database Applications in SQL}, author={Snodgrass, Richard T.}, "
        "publisher={Morgan Kaufmann}, year={1999}, isbn={1558604367}}",
        "Chapter 10 is the second time column, with all its queries.",
    ),
)
"""What is in libraries."""

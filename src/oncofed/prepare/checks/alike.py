"""Patients with images that look alike: found on disk, so that many images do not fill memory."""

from oncofed.imaging.quality.likeness import near_duplicates
from oncofed.prepare.checks.findings import AlikePatients
from oncofed.prepare.checks.spool import Spool

MAX_COMPARED = 100_000
"""Above so many images, only the first of each series are compared for likeness (exact copies: always all)."""
MAX_PAIRED = 50
"""An image that more patients than this have is told as pairs with the first of them only, not of all with all."""
LEAST_SHARE_ALIKE = 0.2
"""Of the images of the patient who has fewer: one slice of many may look like another person's by chance."""
_SCHEMA = """
CREATE TEMP TABLE compared (place INTEGER PRIMARY KEY, patient TEXT, path TEXT, likeness TEXT);
CREATE TEMP TABLE resembling (first TEXT, second TEXT, one TEXT, other TEXT, exact INTEGER);
"""
_EVERY = "SELECT patient, path, likeness FROM instance WHERE likeness <> ''"
_ONE_A_SERIES = "SELECT patient, min(path) AS path, likeness FROM instance WHERE likeness <> '' GROUP BY series"
_NEAR = """INSERT INTO resembling SELECT a.patient, b.patient, a.path, b.path, 0 FROM compared a JOIN compared b
           ON a.place IN (:one, :other) AND b.place IN (:one, :other) AND a.patient < b.patient"""
_COPIES = """
CREATE TEMP TABLE copy AS SELECT digest, patient, min(path) AS path FROM instance WHERE digest <> '' GROUP BY 1, 2;
CREATE INDEX temp.by_copy ON copy (digest);
CREATE TEMP TABLE copied AS SELECT digest, min(patient) AS first, count(*) AS patients FROM copy GROUP BY 1
    HAVING count(*) > 1;
"""
_EQUAL = """INSERT INTO resembling SELECT a.patient, b.patient, a.path, b.path, 1
            FROM copied c JOIN copy a USING (digest) JOIN copy b USING (digest)
            WHERE a.patient < b.patient AND (c.patients <= ? OR a.patient = c.first)"""
_PAIRS = """
CREATE TEMP TABLE pair AS SELECT first, second, images, exact, one, other FROM (
    SELECT first, second, one, other,
           row_number() OVER (PARTITION BY first, second ORDER BY exact DESC, one, other) AS place FROM resembling)
    JOIN (SELECT first, second, min(count(DISTINCT one), count(DISTINCT other)) AS images, sum(exact) AS exact
          FROM resembling GROUP BY 1, 2) USING (first, second) WHERE place = 1;
CREATE TEMP TABLE person AS SELECT patient, count(*) AS images FROM compared GROUP BY 1;
CREATE UNIQUE INDEX temp.by_person ON person (patient);
"""
_TOO_FEW = """DELETE FROM pair WHERE exact = 0 AND images < ?
              * (SELECT min(images) FROM person p WHERE p.patient IN (pair.first, pair.second))"""
_REMARKS = """
INSERT INTO remark SELECT series, patient, study, 'near-duplicate', count(*) FROM instance WHERE path IN (
    SELECT r.one FROM resembling r JOIN pair USING (first, second) UNION
    SELECT r.other FROM resembling r JOIN pair USING (first, second)) GROUP BY 1, 2, 3
"""


def find_alike(spool: Spool, most: int) -> tuple[int, tuple[AlikePatients, ...]]:
    """How many pairs of patients have images that look alike, and the ``most`` alike; their series are remarked on."""
    run = spool.database.execute
    spool.database.executescript(_SCHEMA)
    ((every,),) = spool.rows("SELECT count(*) FROM instance WHERE likeness <> ''")
    which = _ONE_A_SERIES if every > MAX_COMPARED else _EVERY
    run(f"INSERT INTO compared SELECT row_number() OVER (ORDER BY path) - 1, * FROM ({which})")  # noqa: S608 (our own)
    images = run("SELECT dense_rank() OVER (ORDER BY patient), likeness FROM compared ORDER BY place")
    for found in near_duplicates(images):
        run(_NEAR, {"one": found.first, "other": found.second})
    spool.database.executescript(_COPIES)
    run(_EQUAL, (MAX_PAIRED,))
    spool.database.executescript(_PAIRS)
    run(_TOO_FEW, (LEAST_SHARE_ALIKE,))
    run(_REMARKS)
    ((count,),) = spool.rows("SELECT count(*) FROM pair")
    listed = spool.rows(
        """SELECT first, second, images, exact, one, other FROM pair
           ORDER BY exact DESC, images DESC, first, second LIMIT ?""",
        (most,),
    )
    names = ("first", "second", "images", "exact", "example_first", "example_second")
    return count, tuple(AlikePatients(**dict(zip(names, row, strict=True))) for row in listed)

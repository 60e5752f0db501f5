"""Every number disclosure control rests on, each with its reason and its source.

None of them can be loosened by configuration. A node's policy may tighten the two budgets (`budget.Limits`).
"""

from fractions import Fraction

CUBE_EPSILON = 4.0
"""ε of one published cube, at ``DELTA``. Twelve one-way and fifteen two-way marginals then carry a standard deviation
of about 10 and 13 patients a cell: facets of a hospital's hundreds or thousands of patients stay readable, while a
smaller ε would drown them (facts §3.3: sd 18 at ε 2, 36 at ε 1). The US Census 2020 release took ε 17 for its
redistricting file; 4 is at the careful end of published practice."""

DELTA = 1e-6
"""δ of the conversion from zCDP. Below one in the number of patients of any one hospital (a usual rule: δ « 1/n)."""

CUBE_RHO = Fraction(2539, 10_000)
"""zCDP budget of one cube: the most that converts to at most ``CUBE_EPSILON`` (Bun and Steinke, TCC 2016)."""

POPULATION_RHO = Fraction(10, 1000)
"""Share of the patient total: sd 7. It is the denominator people see first, and one cell is cheap."""

SIZE_RHO = {
    "patients": Fraction(2, 1000),
    "studies": Fraction(4, 1000),
    "series": Fraction(4, 1000),
    "instances": Fraction(4, 1000),
}
"""Shares of the release's sizes. They are told as 1-2-5 bands only, so little accuracy is needed."""

ONE_WAY_RHO = Fraction(1150, 10_000)
"""Share of the one-way marginals. Half of what is left: a facet without a filter is what most people look at."""

TWO_WAY_RHO = Fraction(1149, 10_000)
"""Share of the two-way marginals: the rest."""

CLAMP = 3
"""Most cells of one marginal a patient is counted in. Over the 86,451 public cases of IDC, 98 % of (patient, modality)
and 97 % of (patient, manufacturer) pairs stay; without a clamp one patient with many values could move the noise's
guarantee at will. Criteria that rarely have several values have a smaller one (`plan.VALUES`)."""

SIZE_CLAMPS = {"patients": 1, "studies": 5, "series": 50, "instances": 5000}
"""Most studies, series and instances one patient adds to the release's size. 5 studies: facts §3.4; 90 % of IDC's cases
have at most 3 studies, 27 series and 1,279 instances. A heavy tail is therefore told too small, never too large."""

LIVE_EPSILON = Fraction(1, 10)
"""ε₀ of one live count: sd 14.1. In our simulation of differencing (facts §3.2) ε 0.5 / 0.28 / 0.1 give an attacker
with 25 pairs a success of .107 / .045 / .021 at 1 % false positives; samply's 0.28 keyed by the count gives 1.000."""

ORGANISATION_COUNTS = 50
"""Live counts (cells) one organisation may spend on one lineage in one year: ε 5 by plain addition. MII's hard quota
is 50 questions a week and person; ours is a year and an organisation, so that colleagues cannot pool theirs."""

LINEAGE_COUNTS = 190
"""Live counts (cells) all organisations together may spend on one lineage in one year: ε 19 by plain addition, about
8.2 at ``DELTA`` by zCDP (facts §3.4: "ε ≈ 8"). It bounds what a hub could draw that lies about who asks."""

RELEASES_A_YEAR = 4
"""Cubes one lineage may publish in one year. Each costs ``CUBE_EPSILON`` anew for patients who stay. Quarterly batches
let an opt-out take effect within three months (EHDS Art. 71: at any time, not retroactive)."""

DISPLAY_THRESHOLD = 10
"""Totals below it are shown as "<10". As samply, TriNetX and PCORnet do (facts §3.1); a habit of reading, not the
protection: the noise is."""

DISPLAY_ROUNDING = 5
"""Shown totals are rounded to it, so that nobody reads digits that are noise."""

CONFIDENCE = 0.95
"""Coverage of the interval that stands beside every protected number."""

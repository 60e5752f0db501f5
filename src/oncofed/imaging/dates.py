"""Dates inside free text: every day that a piece of text may mean."""

import re
from datetime import date
from functools import lru_cache

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio januari janeiro styczen leden",
            "february feb februar fevrier febrero febbraio februari fevereiro luty unor",
            "march mar marz maerz mars marzo maart marco marzec brezen",
            "april apr avril abril aprile kwiecien duben",
            "may mai mayo maggio mei maio maj kveten",
            "june jun juni juin junio giugno junho czerwiec cerven",
            "july jul juli juillet julio luglio julho lipiec cervenec",
            "august aug aout agosto augustus sierpien srpen",
            "september sep sept septembre septiembre settembre setembro wrzesien zari",
            "october oct okt oktober octobre octubre ottobre outubro pazdziernik rijen",
            "november nov novembre noviembre novembro listopad",
            "december dec dez dezember decembre diciembre dicembre dezembro grudzien prosinec",
        ),
        start=1,
    )
    for name in names.split()
}
_YEAR = r"(?:18|19|20)\d\d"
_RUN = re.compile(rf"(?<![\d.])({_YEAR})(\d\d)(\d\d)(?=\D|$|[0-2]\d(?:[0-5]\d){{0,2}}(?:\D|$))")
_YEAR_FIRST = re.compile(rf"(?<!\d)({_YEAR})([-/. _])(\d{{1,2}})\2(\d{{1,2}})(?!\d)")
_YEAR_LAST = re.compile(rf"(?<!\d)(\d{{1,2}})([-/. _]|\. )(\d{{1,2}})\2({_YEAR})(?!\d)")
_NAMED = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|\.)?[ \-_/]*(?:de |of )?([a-z]{{3,11}})\.?,?[ \-_/]*(?:de )?({_YEAR})(?!\d)"
)
_NAMED_FIRST = re.compile(rf"([a-z]{{3,11}})\.?[ \-_]*(\d{{1,2}})(?:st|nd|rd|th)?,?[ \-_]+({_YEAR})(?!\d)")


@lru_cache(16_384)
def dates_in(text: str) -> frozenset[str]:
    """Days as YYYYMMDD; ``text`` is in lower case without diacritics. 03/04/2012 is two days: nobody knows which."""
    found: set[str] = set()
    for year, month, day in _RUN.findall(text):
        _add(found, year, month, day)
    for year, _, month, day in _YEAR_FIRST.findall(text):
        _add(found, year, month, day)
        _add(found, year, day, month)
    for day, _, month, year in _YEAR_LAST.findall(text):
        _add(found, year, month, day)
        _add(found, year, day, month)
    for day, name, year in _NAMED.findall(text):
        _add(found, year, _MONTHS.get(name, 0), day)
    for name, day, year in _NAMED_FIRST.findall(text):
        _add(found, year, _MONTHS.get(name, 0), day)
    return frozenset(found)


def _add(found: set[str], year: str, month: str | int, day: str) -> None:
    try:
        found.add(date(int(year), int(month), int(day)).strftime("%Y%m%d"))
    except ValueError:
        return

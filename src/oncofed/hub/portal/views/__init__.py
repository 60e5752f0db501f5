"""The portal's pages, one module a subject."""

from oncofed.hub.portal.views.account import account, create_token, revoke_token
from oncofed.hub.portal.views.datasets import dataset, datasets
from oncofed.hub.portal.views.keep import remove, save, saved, searches
from oncofed.hub.portal.views.live import answer, ask
from oncofed.hub.portal.views.pages import about, accessibility, home, numbers, privacy, programs, theme
from oncofed.hub.portal.views.search import change, cohort, together, values

__all__ = [
    "about", "accessibility", "account", "answer", "ask", "change", "cohort", "create_token", "dataset", "datasets",
    "home", "numbers", "privacy", "programs", "remove", "revoke_token", "save", "saved", "searches", "theme",
    "together", "values",
]  # fmt: skip

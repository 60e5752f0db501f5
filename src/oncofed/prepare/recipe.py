"""What a worker needs in order to de-identify: a profile by name or file, and how to get at the pseudonyms.

A recipe crosses to the workers; keys do not. ``key`` is called by each worker and reads the key there, where the data
holder keeps it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from oncofed.contracts.errors import BadInput
from oncofed.imaging.deidentify import PROFILES, Deidentifier, Policy, Profile, Review, compile_policy, read_profile
from oncofed.imaging.volumes import SUPPLIED
from oncofed.prepare.run import Run
from oncofed.trust.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Recipe:
    """``profile``: the name of a profile or a TOML file. ``project``: "" for the node's own pseudonyms."""

    key: Callable[[], Pseudonyms]
    profile: str = "research"
    project: str = ""
    ocr: bool = True

    @property
    def tools(self) -> "Tools":
        """What the recipe amounts to, made once in each process."""
        return _tools(self)


class Tools:
    """Policy, pseudonyms and de-identifier of a recipe."""

    def __init__(self, recipe: Recipe) -> None:
        own = recipe.key()
        self.node_pseudonyms = own
        self.pseudonyms = own.for_project(recipe.project) if recipe.project else own
        self.policy: Policy = compile_policy(profile_named(recipe.profile))
        self.ocr = recipe.ocr
        self.tokens: dict[tuple[str, str, str], str] = {}
        """What the de-identifier has put to review since this was last emptied, by hash, code and path."""

    def uid(self, uid: str) -> str:
        """What becomes of the UID of a study, series or instance."""
        if self.policy.keeps_uids and not uid.startswith(SUPPLIED):
            return uid
        new = self.pseudonyms.uid(uid)
        return self.pseudonyms.own_uid(uid) if new == uid else new

    @cached_property
    def deidentifier(self) -> Deidentifier:
        """The de-identifier of policy and pseudonyms; its files are flushed by the stage."""
        return Deidentifier(self.policy, self.pseudonyms, secret=self._keep, durable=False)

    def _keep(self, review: Review, token: str) -> None:
        self.tokens[review.token_hash, review.code, review.path] = token


def recipe_of(run: Run, key: Callable[[], Pseudonyms]) -> Recipe:
    """The recipe by which a run was last de-identified."""
    given = run.get("profile_given")
    return Recipe(key, given or "research", run.project, ocr=not given or bool(run.get("ocr")))


@lru_cache(8)
def _tools(recipe: Recipe) -> Tools:
    return Tools(recipe)


def profile_named(name: str) -> Profile:
    """A named profile, or that of a TOML file; ``BadInput(profile-invalid)``."""
    if name in PROFILES:
        return PROFILES[name]
    if name.endswith(".toml"):
        return read_profile(Path(name))
    raise BadInput("profile-invalid", f"“{name}” is none of {', '.join(PROFILES)}, and no .toml file")

"""A plan: one small file (YAML) that says all there is to say about a preparation, so that it can be done again.

Paths are relative to the plan. What is not said takes the default that the commands have.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from oncofed.contracts.base import Slug
from oncofed.contracts.catalogue import DatasetClass, DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import TIMEOUT_S, Database
from oncofed.prepare.yaml_text import parsed


class _Part(BaseModel):
    """Every part of a plan: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FolderSource(_Part):
    """A folder, or a medium by its DICOMDIR."""

    folder: Path


class WebSource(_Part):
    """Studies of an archive that speaks DICOMweb. The password comes from the environment (``password_variable``)."""

    dicomweb: Annotated[str, Field(pattern=r"https?://.+")]
    query: dict[str, str] = {}
    user: str = ""
    password_variable: str = "ONCOFED_DICOMWEB_PASSWORD"  # noqa: S105 - the name of a variable


class PacsSource(_Part):
    """Studies of a PACS by C-FIND, brought by C-MOVE to this computer's ``port``."""

    pacs: Annotated[str, Field(pattern=r"[^@\s]{1,16}@[^:\s]+:\d{1,5}")]
    query: dict[str, str] = {}
    own_title: Annotated[str, Field(max_length=16)] = "ONCOFED"
    port: Annotated[int, Field(ge=0, le=65535)] = 11112


class ClinicalDatabase(_Part):
    """A database by what holds its URL: an environment variable, or a file that nobody else can read."""

    variable: str = ""
    file: Path | None = None
    schemas: tuple[str, ...] = ()
    timeout_s: Annotated[int, Field(ge=1, le=86_400)] = TIMEOUT_S

    def named(self) -> Database:
        """The database itself. Raises ``BadInput`` ``database-unnamed``."""
        if self.file is not None:
            return Database.of_file(self.file, self.schemas, self.timeout_s)
        return Database.of_variable(self.variable, self.schemas, self.timeout_s)


class Clinical(_Part):
    """Clinical data: a mapping (file, or name of a preset) and what it maps, files or a database."""

    mapping: str
    source: Path | None = None
    database: ClinicalDatabase | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Clinical":
        if (self.source is None) == (self.database is None):
            raise ValueError("needs exactly one of source and database")
        if self.database is not None and (self.database.file is None) == (not self.database.variable):
            raise ValueError("database needs exactly one of variable and file")
        return self

    def origin(self) -> Path | Database:
        """What is mapped. Raises ``BadInput`` ``database-unnamed``."""
        return self.database.named() if self.database is not None else self.source or Path()


def _name(given: object) -> object:
    """A release named by a number: YAML reads 2 as it is meant, 1.10 not."""
    if isinstance(given, float):
        raise ValueError("write it in quotes: as a number it loses its zeros")
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class Dataset(_Part):
    """The dataset that the release is of."""

    id: Slug
    title: str = ""
    description: str = ""
    dataset_class: Annotated[DatasetClass, Field(alias="class")] = DatasetClass.PROTECTED
    release: Annotated[str, BeforeValidator(_name), Field(pattern=r"^[^./][^/]*$", max_length=200)] = "1"

    @property
    def record(self) -> DatasetRecord:
        """The dataset as the warehouse knows it."""
        return DatasetRecord(
            dataset_id=self.id,
            title=self.title or self.id,
            description=self.description,
            dataset_class=self.dataset_class,
        )


def _kind(source: Any) -> str:
    """Which kind of source an entry is, so that what is wrong in it is told of that kind."""
    return next((kind for kind in ("dicomweb", "pacs") if isinstance(source, dict) and kind in source), "folder")


Source = Annotated[
    Annotated[FolderSource, Tag("folder")] | Annotated[WebSource, Tag("dicomweb")] | Annotated[PacsSource, Tag("pacs")],
    Discriminator(_kind),
]


class Plan(_Part):
    """A whole plan. Without ``dataset`` nothing is released."""

    plan: Literal["oncofed/1"]
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    run: Path = Path("oncofed-run")
    project: Annotated[str, Field(max_length=200)] = ""
    profile: str = "research"
    ocr: bool = True
    clinical: Clinical | None = None
    dataset: Dataset | None = None
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    scheduler: str = ""


def read_plan(path: Path) -> Plan:
    """The plan in a file, its paths absolute. ``BadInput(prepare-plan-invalid)`` says which entry is wrong."""
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput("prepare-plan-invalid", f"{path.name} cannot be read as YAML") from error
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or path.name
        raise BadInput("prepare-plan-invalid", f"{place}: {first['msg']}") from error
    return _anchored(plan, path.absolute().parent)


def _anchored(plan: Plan, base: Path) -> Plan:
    """The plan with its paths made absolute."""
    changed: dict[str, Any] = {"run": base / plan.run}
    changed["sources"] = tuple(
        source.model_copy(update={"folder": base / source.folder}) if isinstance(source, FolderSource) else source
        for source in plan.sources
    )
    if plan.profile.endswith(".toml"):
        changed["profile"] = str(base / plan.profile)
    if plan.clinical is not None:
        own = plan.clinical
        mapping = str(base / own.mapping) if own.mapping.endswith((".yaml", ".yml")) else own.mapping
        update: dict[str, Any] = {"mapping": mapping, "source": base / own.source if own.source else None}
        if own.database is not None and own.database.file is not None:
            update["database"] = own.database.model_copy(update={"file": base / own.database.file})
        changed["clinical"] = own.model_copy(update=update)
    return plan.model_copy(update=changed)

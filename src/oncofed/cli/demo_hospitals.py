"""The five fictitious hospitals of the demo and how the real collections are shared out among them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hospital:
    """One fictitious hospital: its name says so wherever it is shown."""

    node_id: str
    title: str
    country: str
    organisation: str
    holds: str
    dataset_class: str = "protected"


AURORA = Hospital("aurora", "Aurora Lung Centre (fictitious)", "IT", "aurora-lung-centre", "lung cancer, trials")
BELLAVISTA = Hospital("bellavista", "Bellavista Breast Clinic (fictitious)", "ES", "bellavista-clinic", "breast cancer")
CARITAS = Hospital("caritas", "Caritas University Hospital (fictitious)", "DE", "caritas-hospital", "TCGA, all organs")
DUNA = Hospital("duna", "Duna Oncology Institute (fictitious)", "HU", "duna-institute", "community collections")
EVORA = Hospital("evora", "Évora Open Imaging Lab (fictitious)", "PT", "evora-lab", "proteogenomics, open data", "open")

HOSPITALS = (AURORA, BELLAVISTA, CARITAS, DUNA, EVORA)

_PROGRAMMES = {
    "nci_trials": AURORA,
    "nctn": AURORA,
    "covid_19": AURORA,
    "tcga": CARITAS,
    "community": DUNA,
    "ccdi": DUNA,
    "cgci": DUNA,
    "pdmr": DUNA,
}


def hospital_of(programme: str, cancer_types: str) -> Hospital:
    """The hospital that holds a collection: by its cancer first (breast, lung), else by its programme."""
    cancer = cancer_types.casefold()
    if cancer.startswith("breast"):
        return BELLAVISTA
    if cancer.startswith(("lung", "non-small cell lung", "small cell lung")) and programme not in ("tcga", "cptac"):
        return AURORA
    return _PROGRAMMES.get(programme, EVORA)

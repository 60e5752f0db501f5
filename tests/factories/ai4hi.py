"""Small sources in the shapes of the AI4HI repositories: OMOP, e-forms, FHIR messages, CSV. Nobody in them exists."""
# ruff: noqa: E501  (tables of data are read across)

import json
from pathlib import Path
from typing import Any

from tests.factories.mapping import write_csv


def omop_prostate(folder: Path) -> Path:
    """Three men in OMOP with CHAIMELEON's concepts: a whole history, little, and a comorbidity besides."""
    folder.mkdir()
    write_csv(
        folder,
        "person",
        """person_id,gender_concept_id,year_of_birth,person_source_value
        1,8507,1950,NHC-1
        2,8507,1920,NHC-2
        3,8507,,NHC-3""",
    )
    write_csv(
        folder,
        "CONDITION_OCCURRENCE",
        """condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_status_concept_id
        10,1,44499685,2010-03-01,32893
        11,1,4211973,2010-03-01,32893
        12,1,3655246,2010-03-01,32893
        13,1,4156560,2010-03-01,32893
        14,1,44499685,2015-01-01,32911
        15,1,4097297,2013-03-01,32893
        20,2,44502000,2012-05-05,32893
        30,3,201826,2000-01-01,32893""",
    )
    write_csv(
        folder,
        "measurement",
        """measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,value_as_concept_id,unit_concept_id
        1,1,44793131,2010-02-27,7.5,,8842
        2,1,35918562,2010-03-01,,35919565,
        3,1,35918319,2010-06-01,,35919199,
        4,1,35918286,2010-06-01,,35919447,
        5,1,2000000023,2010-03-02,,,
        6,1,36768379,2010-03-01,,,
        7,1,36769301,2010-06-01,,9191,
        8,1,4156642,2010-03-01,3,,8842""",
    )
    write_csv(
        folder,
        "observation",
        """observation_id,person_id,observation_concept_id,observation_date,value_as_string
        1,1,4173614,2010-03-01,
        2,2,37016731,2012-06-05,words nobody stores""",
    )
    write_csv(
        folder,
        "procedure_occurrence",
        "person_id,procedure_concept_id,procedure_date\n1,46270921,2010-06-01\n1,4029715,2010-09-01",
    )
    write_csv(
        folder,
        "drug_exposure",
        """person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date
        1,21603823,2010-10-01,2011-10-01
        1,1718202,2012-10-01,""",
    )
    write_csv(folder, "death", "person_id,death_date\n1,2015-01-01")
    return folder


def omop_with_images(folder: Path) -> Path:
    """The same with MI-CDM's image_occurrence and concepts of the Cancer Modifier, as ProCAncer-I is read."""
    omop_prostate(folder)
    with (folder / "measurement.csv").open("a") as file:
        file.write("9,2,1633745,2012-05-05,,,\n")
    write_csv(folder, "concept", "concept_id,concept_name,vocabulary_id\n1633745,AJCC 7th path M1a,Cancer Modifier")
    write_csv(
        folder,
        "image_occurrence",
        """person_id,image_study_uid,image_series_uid,image_occurrence_date,modality_source_value,anatomic_site_source_value
        1,1.2.3,1.2.3.1,2010-02-20,RID10312,RID343
        1,1.2.3,1.2.3.2,2010-02-20,RID10312,RID2507""",
    )
    return folder


def eforms(folder: Path) -> Path:
    """Two subjects of CHAIMELEON."""

    def subject(name: str, **pages: dict[str, Any]) -> dict[str, Any]:
        listed = [
            {"page_name": page, "page_data": {field: {"value": value} for field, value in fields.items()}}
            for page, fields in pages.items()
        ]
        return {"subjectName": name, "eForm": {"pages": listed}}

    given = [
        subject(
            "17B76FEW",
            inclusion_criteria={"baseline_date": "2015-03-01", "age_at_diagnosis": 64},
            patient_data={"gender": "MALE"},
            diagnosis={
                "gleason_primary": 3,
                "gleason_secondary": 4,
                "biopsy_tumor_histotype": "ADENOCARCINOMA",
                "tumor_pathology_category": "pT2c",
                "extramural_invasion_mr": "YES",
                "last_contact_date": "2016-03-01",
            },
        ),
        subject("X", inclusion_criteria={"date_baseline_ct": "2018-01-01", "age_at_baseline": 99}),
    ]
    folder.mkdir()
    (folder / "eforms.json").write_text(json.dumps(given))
    return folder


def fhir_message(folder: Path) -> Path:
    """One message of INCISIVE: the age in an extension of the report, conditions without profiles."""
    sct = "http://snomed.info/sct"
    subject = {"reference": "Patient/prostatepatient01"}
    resources: list[dict[str, Any]] = [
        {"resourceType": "MessageHeader", "id": "m"},
        {"resourceType": "Patient", "id": "prostatepatient01", "identifier": [{"value": "004-000001"}], "gender": "male"},
        {"resourceType": "Condition", "id": "c", "subject": subject, "onsetDateTime": "2019-01-01",
         "code": {"coding": [{"system": sct, "code": "399068003"}]}},
        {"resourceType": "Condition", "id": "d", "subject": subject,
         "code": {"coding": [{"system": sct, "code": "417662000"}]}},
        {"resourceType": "DiagnosticReport", "id": "r", "subject": subject, "effectiveDateTime": "2019-02-01",
         "extension": [{"url": "https://example.org/age", "valueAge": {"value": 56}}]},
        {"resourceType": "Observation", "id": "o", "subject": subject, "effectiveDateTime": "2019-01-11",
         "code": {"coding": [{"system": "http://loinc.org", "code": "2857-1"}]}, "valueQuantity": {"value": 9, "unit": "ng/mL"}},
    ]  # fmt: skip
    folder.mkdir()
    bundle = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": one} for one in resources]}
    (folder / "message.json").write_text(json.dumps(bundle))
    return folder


def childrens_tumours(folder: Path) -> Path:
    """Children as PRIMAGE's preset reads them."""
    folder.mkdir()
    write_csv(
        folder,
        "children",
        """patient_id,sex,diagnosis,diagnosis_date,age_at_diagnosis_days,primary_site,inrgss,risk_group,mycn_status,vital_status,surgery_date,relapse_date,h3_k27m,ferritin_ng_ml
        N1,F,neuroblastoma,2014-05-01,548,adrenal,M,high,amplified,dead,2014-09-01,2015-05-01,,142
        D1,M,DIPG,2016-01-01,2000,pons,,,,alive,,,yes,""",
    )
    return folder

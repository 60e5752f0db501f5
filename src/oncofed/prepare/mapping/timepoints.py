"""When an image was taken in the course of the disease: its offset beside the patient's treatments and recurrences.

Our own rules, in this order, for studies that state no time point and have an offset from the diagnosis:

* from 30 days before to 90 days after a recurrence: ``recurrence``;
* before the first treatment begins: ``baseline``, if not more than 180 days before the diagnosis;
* until the last treatment ends (where an end is known): ``during_treatment``;
* within 180 days after that: ``after_treatment``; later: ``follow_up``;
* without any treatment: ``baseline`` from 180 days before to 90 days after the diagnosis.

Everything else stays open: a time point is never guessed.
"""

import duckdb

BEFORE_RECURRENCE, AFTER_RECURRENCE, BEFORE_DIAGNOSIS, SOON_AFTER, WITHOUT_TREATMENT = 30, 90, 180, 180, 90

_RULES = f"""
    CASE WHEN EXISTS (SELECT 1 FROM outcome o WHERE o.patient_key = s.patient_key AND o.dataset_id = s.dataset_id
                      AND o.kind = 'recurrence' AND o.value <> 'no'
                      AND s.offset_days >= o.offset_days - {BEFORE_RECURRENCE}
                      AND s.offset_days <= o.offset_days + {AFTER_RECURRENCE})
         THEN 'recurrence'
         WHEN t.begun IS NULL AND s.offset_days BETWEEN -{BEFORE_DIAGNOSIS} AND {WITHOUT_TREATMENT} THEN 'baseline'
         WHEN t.begun IS NULL THEN NULL
         WHEN s.offset_days < t.begun AND s.offset_days >= -{BEFORE_DIAGNOSIS} THEN 'baseline'
         WHEN s.offset_days < t.begun THEN NULL
         WHEN s.offset_days <= t.ended THEN 'during_treatment'
         WHEN s.offset_days <= t.ended + {SOON_AFTER} THEN 'after_treatment'
         ELSE 'follow_up' END"""  # noqa: S608


def link_timepoints(connection: duckdb.DuckDBPyConnection) -> int:
    """Fill ``imaging_study.timepoint`` where it is open and the rules above know it; how many were filled.

    Works on open tables of the model, with offsets; nothing else is changed.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE placed AS
            WITH t AS (
                SELECT c.dataset_id, c.patient_key, min(t.start_offset_days) AS begun,
                       max(coalesce(t.end_offset_days, t.start_offset_days)) AS ended
                FROM treatment t JOIN cancer_condition c USING (dataset_id, condition_id)
                WHERE t.start_offset_days IS NOT NULL GROUP BY ALL)
            SELECT s.dataset_id, s.study_uid, {_RULES} AS timepoint
            FROM imaging_study s LEFT JOIN t USING (dataset_id, patient_key)
            WHERE s.timepoint IS NULL AND s.offset_days IS NOT NULL"""  # noqa: S608
    )
    ((filled,),) = connection.execute("SELECT count(timepoint) FROM placed").fetchall()
    connection.execute(
        """UPDATE imaging_study s SET timepoint = p.timepoint FROM placed p
           WHERE p.study_uid = s.study_uid AND p.dataset_id = s.dataset_id AND p.timepoint IS NOT NULL"""
    )
    connection.execute("DROP TABLE placed")
    return int(filled)

"""The exact marginals a cube is made of: patients by rolled-up cells, each patient in a bounded number of cells."""


def marginal_sql(units: str, schema: str, criteria: tuple[str, ...], clamp: int) -> str:
    """SQL of a marginal over ``units`` (a SELECT of unit, key, ``c_<criterion>`` …), each in at most ``clamp`` cells.

    Parameters: those of ``units``, then the criteria's names in order. Patients in more cells than the clamp keep those
    with the least hash together with their pseudonym, so the choice never changes.
    """
    numbers = range(len(criteria))
    cells = ", ".join(f"cell_{number}" for number in numbers)
    order = " || '|' || ".join(["hex(key)", *(f"cell_{number}" for number in numbers)])
    steps = [f"placed_0 AS (SELECT *, 1 AS n FROM ({units}))"]
    for number, criterion in enumerate(criteria):
        # One criterion after the other, each materialised: joined freely, the dictionaries would be multiplied first.
        dictionary = (
            f"(SELECT id, cell AS cell_{number}, count(*) OVER (PARTITION BY id) AS many"
            f" FROM {schema}.main.set_cell WHERE criterion = ?)"
        )
        steps.append(
            f"placed_{number + 1} AS MATERIALIZED (SELECT p.* EXCLUDE (n), d.cell_{number}, p.n * d.many AS n"
            f" FROM placed_{number} p JOIN {dictionary} d ON d.id = p.c_{criterion})"
        )
    return f"""
        WITH {", ".join(steps)},
             kept AS (SELECT {cells} FROM placed_{len(criteria)} WHERE n <= {int(clamp)}
                      UNION ALL
                      SELECT unnest(arg_min(row({cells}), md5({order}), {int(clamp)}), recursive := TRUE)
                      FROM placed_{len(criteria)} WHERE n > {int(clamp)} GROUP BY unit)
        SELECT {cells}, count(*) FROM kept GROUP BY ALL ORDER BY ALL"""

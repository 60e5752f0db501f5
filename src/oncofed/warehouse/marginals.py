"""The exact marginals a cube is made of: patients by rolled-up cells, each patient in a bounded number of cells."""


def marginal_sql(units: str, schema: str, criteria: tuple[str, ...]) -> str:
    """SQL of a marginal over ``units`` (a SELECT of unit, key and ``c_<criterion>`` …).

    Parameters: those of ``units``, then the criteria's names in order, then the clamp. Only patients in more cells than
    the clamp are sorted; which cells they keep depends on a hash with their pseudonym, so it never changes.
    """
    numbers = range(len(criteria))
    cells = ", ".join(f"cell_{number}" for number in numbers)
    dictionary = ", ".join(
        f"d{number} AS (SELECT id, cell, count(*) OVER (PARTITION BY id) AS n FROM {schema}.main.set_cell"
        " WHERE criterion = ?)"
        for number in numbers
    )
    joins = "".join(
        f" JOIN d{number} ON d{number}.id = u.c_{criterion}"
        for number, criterion in zip(numbers, criteria, strict=True)
    )
    named = ", ".join(f"d{number}.cell AS cell_{number}" for number in numbers)
    product = " * ".join(f"d{number}.n" for number in numbers)
    order = " || '|' || ".join(["CAST(key AS VARCHAR)", *(f"cell_{number}" for number in numbers)])
    return f"""
        WITH u AS ({units}), {dictionary},
             placed AS (SELECT u.unit, u.key, {named}, {product} AS n FROM u{joins}),
             clamp AS (SELECT ?::INTEGER AS most),
             kept AS (SELECT {cells} FROM placed, clamp WHERE n <= most
                      UNION ALL
                      SELECT {cells} FROM (
                          SELECT {cells}, most, row_number() OVER (PARTITION BY unit ORDER BY md5({order})) AS place
                          FROM placed, clamp WHERE n > most) WHERE place <= most)
        SELECT {cells}, count(*) FROM kept GROUP BY ALL ORDER BY ALL"""

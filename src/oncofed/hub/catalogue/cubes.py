"""Sums of published cubes. Pure: cubes in, one cube of the same form out."""

import math
from collections.abc import Iterable

from oncofed.contracts.base import Cell
from oncofed.contracts.catalogue import Cube, Marginal


class CubeSum:
    """Adds cubes cell by cell. Noise is independent between releases: variances add up.

    Releases whose plan lacks a marginal would make its sum a count over fewer patients than the others: such a
    marginal is left out of the whole, so that what a sum answers it answers for all its releases.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[str, ...], dict[Cell, int]] = {}
        self._variance: dict[tuple[str, ...], float] = {}
        self._seen: dict[tuple[str, ...], int] = {}
        self._cubes = 0
        self._epsilon = 0.0
        self._delta = 0.0

    def add(self, cube: Cube) -> None:
        """Add one cube."""
        self._cubes += 1
        self._epsilon = max(self._epsilon, cube.epsilon)
        self._delta = max(self._delta, cube.delta)
        for marginal in cube.marginals:
            self._add(marginal.criteria, marginal)
        if cube.population is not None:
            self._add((), cube.population)

    def _add(self, criteria: tuple[str, ...], marginal: Marginal) -> None:
        self._seen[criteria] = self._seen.get(criteria, 0) + 1
        self._variance[criteria] = self._variance.get(criteria, 0.0) + marginal.sigma**2
        cells = self._cells.setdefault(criteria, {})
        for cell, count in marginal.cells.items():
            cells[cell] = cells.get(cell, 0) + count

    def cube(self) -> Cube:
        """The sum so far. ``epsilon`` and ``delta`` are the greatest of the parts, not a claim about their sum."""
        whole = [criteria for criteria, seen in self._seen.items() if seen == self._cubes]
        population = self._marginal(()) if () in whole else None
        marginals = tuple(self._marginal(criteria) for criteria in whole if criteria)
        return Cube.model_construct(
            epsilon=self._epsilon,
            delta=self._delta,
            population=population,
            marginals=marginals,
        )

    def _marginal(self, criteria: tuple[str, ...]) -> Marginal:
        sigma = math.sqrt(self._variance[criteria])
        return Marginal.model_construct(criteria=criteria, cells=self._cells[criteria], sigma=sigma)


def summed(cubes: Iterable[Cube]) -> Cube:
    """The sum of ``cubes``."""
    total = CubeSum()
    for cube in cubes:
        total.add(cube)
    return total.cube()

"""Search: questions to the nodes, their answers, facets from the cubes, saved searches."""

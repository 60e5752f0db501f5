"""What may leave a node about its patients, and how it is shown. Pure: no file, no network, no clock.

constants      every number, with its reason and source
noise          exact integer samplers from a keyed stream
accounting     adding up ε and ρ
live           one keyed draw for one question
plan, cube     the published marginals of a release, and answers from them
sizes          noisy, banded sizes
budget         who may still ask
ledger_chain   the durable first answers, chained and signed
display        sums, intervals, rounding
"""

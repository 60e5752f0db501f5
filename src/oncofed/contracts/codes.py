"""The register of error codes: what each means, what to do next, and the exit status of a command that ends with it.

Exit statuses: 2 bad input · 3 refused by a rule · 4 peer unreachable · 5 stored or received bytes corrupt ·
6 this machine lacks something (space, a program, a package).
"""

from typing import NamedTuple


class Code(NamedTuple):
    """One entry: exit status, title (one clause, no full stop), and the next step (a sentence)."""

    exit_status: int
    title: str
    next_step: str


QUERY = {
    "query-syntax": Code(2, "the query cannot be read", "Correct the text at the marked position."),
    "query-unknown-criterion": Code(2, "no such criterion", "Run `oncofed search --criteria` for the list."),
    "query-unknown-value": Code(2, "no such value for this criterion", "Run `oncofed search --criteria NAME`."),
    "query-not-in-group": Code(2, "this criterion cannot stand inside the group", "Move it outside the group."),
    "query-too-large": Code(2, "the query exceeds the limits", "Use at most 12 criteria, 3 levels and 200 values."),
    "query-unsatisfiable": Code(2, "no patient can match this query", "Remove one of the contradicting criteria."),
    "query-or-across-criteria": Code(
        2, "“or” joins values of one criterion only", "Ask one query for each alternative."
    ),
    "query-no-breakdown": Code(2, "this criterion cannot be broken down", "Choose another criterion for `by`."),
}

WAREHOUSE = {
    "source-unknown": Code(2, "no such data source", "Use idc, dicom-folder, tables or synthetic."),
    "source-unreadable": Code(2, "the data source cannot be read", "Check the path and its permissions."),
    "source-empty": Code(2, "the data source holds nothing to load", "Check the path or the collections named."),
    "table-invalid": Code(2, "a table does not fit the common data model", "Correct the column named and load again."),
    "dataset-id-invalid": Code(2, "the dataset identifier is not usable", "Use lower-case letters, digits and hyphens."),
    "release-exists": Code(3, "this release exists and releases do not change", "Load with another release name."),
    "release-unknown": Code(2, "no such release here", "Run `oncofed node status` for the releases."),
    "release-corrupt": Code(5, "a release is not what its digest says", "Load it again from the source."),
    "query-timeout": Code(3, "the query took longer than this node allows", "Ask with fewer criteria."),
    "query-memory": Code(3, "the query needs more memory than this node allows", "Ask with fewer criteria."),
    "disk-full": Code(6, "no space is left on the device", "Free space; what stood before is untouched."),
}

TRUST = {
    "key-invalid": Code(5, "a key is not what a key must be", "Restore the key file from a backup."),
    "key-unknown": Code(5, "the signer's key is not known here", "Enrol the node, or check which hub answers."),
    "key-rotation-invalid": Code(5, "the hub's new key is not signed by its old one", "Ask the hub's operator."),
    "signature-missing": Code(5, "the message carries no usable signature", "Check for a proxy that removes headers."),
    "signature-invalid": Code(5, "the signature does not hold", "Check for a proxy that changes messages."),
    "digest-mismatch": Code(5, "the body is not what was signed", "Check for a proxy that changes bodies."),
    "clock-off": Code(3, "the clocks differ by more than five minutes", "Set this machine's clock (NTP) and try again."),
    "replayed": Code(3, "this signed message was sent before", "Send a new one."),
}

CODES: dict[str, Code] = QUERY | WAREHOUSE | TRUST

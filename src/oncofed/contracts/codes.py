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
    "dataset-id-invalid": Code(
        2, "the dataset identifier is not usable", "Use lower-case letters, digits and hyphens."
    ),
    "file-not-dicom": Code(2, "this file is no DICOM file", "Nothing to do: the file was left out."),
    "file-damaged": Code(2, "this DICOM file is damaged", "Export it again from its archive; it was left out."),
    "file-no-series": Code(
        2, "this DICOM file belongs to no series", "Nothing to do for an index (DICOMDIR); it was left out."
    ),
    "release-exists": Code(3, "this release exists and releases do not change", "Load with another release name."),
    "release-name-invalid": Code(
        2, "the release's name is not usable", "Use at most 200 letters, digits, dots and hyphens, no dot first."
    ),
    "release-unknown": Code(2, "no such release here", "Run `oncofed node status` for the releases."),
    "release-corrupt": Code(5, "a release is not what its digest says", "Load it again from the source."),
    "query-timeout": Code(3, "the query took longer than this node allows", "Ask with fewer criteria."),
    "query-memory": Code(3, "the query needs more memory than this node allows", "Ask with fewer criteria."),
    "load-memory": Code(6, "loading needs more memory than it may take", "Load less at once, in several datasets."),
    "path-unusable": Code(
        2, "a file or folder cannot be used", "Check the path, what stands there, and its permissions."
    ),
    "system-refused": Code(
        6, "the operating system refuses what this needs", "Remove the cause it names, then try again."
    ),
    "database-damaged": Code(5, "a database file is damaged", "Restore it from a backup (`oncofed node restore`)."),
    "disk-full": Code(6, "no space is left on the device", "Free space; what stood before is untouched."),
}

DISCLOSURE = {
    "budget-organisation": Code(
        3,
        "your organisation has used this year's live counts on a dataset",
        "Use the published facets, or leave it out.",
    ),
    "budget-lineage": Code(
        3, "this year's live counts on a dataset are used up", "Use the published facets, or leave the dataset out."
    ),
    "release-limit": Code(
        3, "this dataset has published all the releases one year allows", "Publish the next one in the new year."
    ),
    "ledger-broken": Code(5, "the ledger of answers is not an unbroken, signed chain", "Restore the node's backup."),
    "ledger-behind": Code(
        3, "the hub has seen answers that this node's ledger lacks", "Restore a newer backup, or enrol as a new node."
    ),
    "ledger-forked": Code(
        5, "two nodes with this identity have answered differently", "Stop the copy, and enrol it as a node of its own."
    ),
}

TRUST = {
    "key-invalid": Code(5, "a key is not what a key must be", "Restore the key file from a backup."),
    "key-unknown": Code(5, "the signer's key is not known here", "Enrol the node, or check which hub answers."),
    "key-rotation-invalid": Code(5, "the hub's new key is not signed by its old one", "Ask the hub's operator."),
    "signature-missing": Code(5, "the message carries no usable signature", "Check for a proxy that removes headers."),
    "signature-invalid": Code(5, "the signature does not hold", "Check for a proxy that changes messages."),
    "digest-mismatch": Code(5, "the body is not what was signed", "Check for a proxy that changes bodies."),
    "clock-off": Code(
        3, "the clocks differ by more than five minutes", "Set this machine's clock (NTP) and try again."
    ),
    "replayed": Code(3, "this signed message was sent before", "Send a new one."),
}

CLIENT = {
    "package-missing": Code(6, "a Python package is missing", "Install the extra that is named, with pip."),
    "code-unknown": Code(2, "no such error code", "Run `oncofed explain` for the list."),
    "hub-unknown": Code(2, "no hub is chosen", "Run `oncofed login URL`, or set ONCOFED_HUB."),
    "hub-silent": Code(4, "the hub does not answer", "Check the address and the network, then try again."),
    "hub-refused": Code(3, "the hub refused for a reason newer than this program", "Update oncofed."),
    "reply-unreadable": Code(5, "the hub's reply cannot be read", "Check that the address is that of an oncofed hub."),
    "credentials-unreadable": Code(5, "the stored sign-in cannot be read", "Run `oncofed login URL` again."),
    "login-expired": Code(3, "the sign-in was not confirmed in time", "Run `oncofed login` again."),
    "login-denied": Code(3, "the sign-in was declined", "Run `oncofed login` again if that was not meant."),
}

SEARCH = {
    "sign-in-required": Code(3, "this needs a person who has signed in", "Sign in, or run `oncofed login URL`."),
    "form-token-missing": Code(3, "the call lacks the form token of the session", "Reload the page and try again."),
    "request-invalid": Code(2, "the request is not of the form the API describes", "See /api/v1/docs."),
    "ask-unknown": Code(2, "no such question of yours", "Ask it again."),
    "search-unknown": Code(2, "no such saved search", "Look at your list of saved searches."),
    "dataset-unknown": Code(2, "no such dataset in the catalogue", "Look at the list of datasets."),
    "dataset-withdrawn": Code(3, "the dataset is no longer published", "Choose another dataset."),
    "dataset-elsewhere": Code(3, "another node published this dataset first", "Publish under another identifier."),
    "publication-invalid": Code(2, "the publication is not of the form it must have", "Update the node's software."),
    "publication-corrupt": Code(5, "a published cube cannot be right", "Load the dataset again at the node."),
    "publication-unprotected": Code(3, "a protected dataset came without noise", "Update the node's software."),
    "release-changed": Code(3, "a published release does not change", "Publish the new data as a new release."),
    "release-withdrawn": Code(3, "the release was withdrawn before the answer came", "Ask again."),
    "purpose-missing": Code(2, "a live count needs a purpose", "Say what you need the count for: hospitals see it."),
    "nothing-to-ask": Code(
        3, "no published dataset can be asked this", "Remove a criterion, or choose other datasets."
    ),
    "no-answer": Code(4, "the node did not answer in time", "Ask again later."),
    "node-offline": Code(4, "the node is offline", "Ask again later."),
    "too-many-searches": Code(3, "there are too many saved searches", "Remove some."),
    "task-withdrawn": Code(3, "the question was withdrawn before it was answered", "Ask again."),
    "answer-malformed": Code(5, "the answer is not of the type asked for", "Update the node's software."),
    "answer-not-asked": Code(5, "the answer is about releases that were not asked", "Update the node's software."),
    "answer-out-of-range": Code(5, "the answer holds cells or numbers that cannot be", "Update the node's software."),
    "answer-unprotected": Code(5, "the answer would show protected data exactly", "Update the node's software."),
}

EXCHANGE = {
    "invitation-invalid": Code(2, "the invitation cannot be read", "Copy the whole string the operator gave you."),
    "invitation-unknown": Code(3, "the hub knows no such invitation", "Ask the hub's operator for a new one."),
    "invitation-used": Code(3, "the invitation was used before", "Ask the hub's operator for a new one."),
    "invitation-expired": Code(3, "the invitation has expired", "Ask the hub's operator for a new one."),
    "node-id-invalid": Code(2, "the node's name is not usable", "Use lower-case letters, digits and hyphens."),
    "node-known": Code(
        3, "another node is enrolled under this name", "Ask the operator for an invitation by another name."
    ),
    "node-unknown": Code(3, "the hub does not know this node", "Enrol it with an invitation."),
    "node-suspended": Code(3, "the hub's operator suspended this node", "Ask the hub's operator."),
    "node-behind": Code(3, "the hub has seen more of this node than the node remembers", "Let it recover its ledger."),
    "node-superseded": Code(
        3, "another instance of this node took its place", "Run one agent per node; stop the copy."
    ),
    "protocol-unsupported": Code(3, "hub and node speak different versions", "Update the older one of the two."),
    "message-invalid": Code(2, "the message is not of the type this address takes", "Update the node's software."),
    "too-large": Code(3, "the message is larger than the hub takes", "Publish fewer datasets at once."),
    "task-unknown": Code(3, "the hub knows no such task of this node", "Nothing is to be done; the answer is dropped."),
    "task-closed": Code(
        3, "the task was ended before this result came", "Nothing is to be done; the answer is dropped."
    ),
    "task-expired": Code(4, "nobody answered in time", "Ask again later."),
    "result-invalid": Code(5, "the result is not of the form a result has", "Update the node's software."),
    "publication-stale": Code(3, "a newer publication came before", "Publish again."),
    "hub-failed": Code(4, "the hub could not do this", "Try again; if it stays, tell the hub's operator."),
    "hub-stopping": Code(4, "the hub is stopping", "Try again in a moment."),
}

HUB = {
    "setting-invalid": Code(2, "a setting of the hub is not usable", "Correct hub.toml or the environment variable."),
    "hub-not-initialised": Code(
        2, "there is no hub in this directory", "Run `oncofed hub init` or `oncofed hub start`."
    ),
    "address-taken": Code(
        4,
        "the hub cannot listen on this address and port",
        "Choose others with --host and --port, or stop what listens.",
    ),
    "hub-running": Code(3, "a hub is running on this data directory", "Stop it first."),
    "workers-need-postgresql": Code(2, "several processes need PostgreSQL", "Set DATABASE_URL, or use --workers 1."),
    "backup-exists": Code(2, "the backup file exists", "Choose another name."),
    "backup-invalid": Code(5, "the file is not an intact backup of a hub", "Use another backup."),
    "backup-other-database": Code(2, "the backup is of the other kind of database", "Set or unset DATABASE_URL."),
    "directory-not-empty": Code(3, "the directory is not empty", "Choose an empty directory."),
    "permission-missing": Code(3, "your roles do not allow this", "Ask the hub's operator for the role."),
    "organisation-missing": Code(3, "you act for no organisation here", "Ask the hub's operator to add you to yours."),
    "organisation-invalid": Code(
        2, "the organisation's identifier is not usable", "Use two or more letters, digits and hyphens."
    ),
    "country-invalid": Code(2, "not a country code", "Use two capital letters (ISO 3166-1)."),
    "email-invalid": Code(2, "not an email address", "Correct it."),
    "person-exists": Code(2, "this person signs in here already", "Use `oncofed hub person role` to add a role."),
    "person-unknown": Code(2, "nobody signs in here with this address", "Run `oncofed hub person list`."),
    "password-weak": Code(2, "the password is too weak", "Use twelve characters or more, not a common word."),
    "role-unknown": Code(2, "no such role", "Run `oncofed hub person roles`."),
    "scope-unknown": Code(2, "no such scope", "Use one of those named."),
    "token-lifetime": Code(2, "a token cannot live that long", "Choose 1 to 365 days."),
    "token-invalid": Code(3, "the token is unknown, expired or revoked", "Sign in again or make a new token."),
    "token-scope-missing": Code(3, "the token does not allow this", "Make a token with the scope that is named."),
    "too-many-tokens": Code(3, "too many tokens are in use", "Revoke one of them."),
}

NODE = {
    "node-missing": Code(2, "this directory holds no node", "Run `oncofed node init`, or name it with --data-dir."),
    "node-exists": Code(2, "this directory already holds a node", "Name another one with --data-dir."),
    "node-not-enrolled": Code(2, "this node is not enrolled at a hub", "Run `oncofed node enrol`."),
    "node-enrolled": Code(3, "this node is enrolled already", "Make a new node in another data directory."),
    "agent-running": Code(
        3, "an agent already runs on this data directory", "Stop it first; see `oncofed node status`."
    ),
    "settings-invalid": Code(2, "a setting cannot be used", "Correct it in node.toml or the environment."),
    "policy-invalid": Code(
        2, "the node's policy cannot be read", "Correct policy.toml; until then the node answers nothing."
    ),
    "keys-exposed": Code(3, "other users of this computer can read the node's keys", "Run `chmod -R go= KEYS`."),
    "hub-insecure": Code(2, "the hub's address is not HTTPS", "Ask the hub's operator for an https:// address."),
    "hub-unreachable": Code(4, "the hub does not answer", "Check the network, proxy and certificate settings."),
    "hub-newer": Code(3, "the hub answered with a code this node does not know", "Update oncofed at the node."),
    "outbox-unwritable": Code(6, "the outbox cannot be written, so nothing is sent", "Free space on the node's disk."),
    "outbox-corrupt": Code(5, "the outbox is not the unbroken chain it must be", "Compare it with a backup."),
    "nothing-to-publish": Code(3, "no release may be published", "Load a dataset, and let policy.toml name it."),
    "message-unknown": Code(2, "the outbox holds no such message", "Run `oncofed node outbox` for the list."),
    "backup-unreadable": Code(5, "this is not a complete backup of a node", "Use another backup."),
    "not-searchable": Code(3, "the node does not let you search these datasets", "Ask the hospital for access."),
    "not-supported-here": Code(3, "the datasets do not record a criterion of the query", "Leave that criterion out."),
    "outside-hours": Code(3, "the node answers at other hours", "Ask again in the hospital's working hours."),
    "task-kind-unknown": Code(3, "the node does not know this kind of task", "Ask the hospital to update its node."),
    "task-malformed": Code(5, "the node cannot read the task", "Check that hub and node have versions that fit."),
    "node-fault": Code(
        5, "the node failed while answering", "Ask again; its data manager finds the reason in the log."
    ),
}

PREPARE = {
    "linkage-absent": Code(
        3, "there is no way back from this pseudonym", "Say `linkage = true` in the profile, if your policy allows it."
    ),
    "linkage-sealed": Code(
        5, "this linkage table cannot be opened with this node's secret", "Use the secret of the node that made it."
    ),
    "profile-invalid": Code(
        2, "the profile of de-identification is not usable", "Correct the file, or use research, strict or minimal."
    ),
    "pixels-text-suspected": Code(
        3, "this image may show who the patient is", "Look at it with `oncofed prepare review` and release or drop it."
    ),
    "pixels-text-left": Code(
        3, "text can still be read after masking", "Look at it with `oncofed prepare review`; add a mask or drop it."
    ),
    "pixels-ocr-missing": Code(
        6,
        "text in pixels cannot be looked for on this machine",
        "Install tesseract-ocr, or review the images held back.",
    ),
    "pixels-undecodable": Code(
        5, "these pixels cannot be decoded here, so nobody knows what they show", "Export the image uncompressed."
    ),
    "pixels-face": Code(
        3, "the face on this head could not be taken out", "Look at it with `oncofed prepare review`, or drop it."
    ),
    "pixels-document": Code(
        3,
        "this object holds a document, which may name the patient",
        "Review it, or leave documents out of the release.",
    ),
    "volume-invalid": Code(
        2, "this series is not a volume that can be worked on", "See the report: geometry, decoding, or blank images."
    ),
    "combat-invalid": Code(
        2, "ComBat cannot learn or apply this", "Give finite features, known sites and at least two patients a site."
    ),
    "prepare-run-unknown": Code(
        2, "this is not the directory of a preparation run", "Make one with `oncofed prepare scan`."
    ),
    "prepare-run-busy": Code(3, "another process works on this run", "Wait until it has ended, or stop it."),
    "prepare-run-corrupt": Code(5, "the run's journal is damaged", "Make a new run from the same source."),
    "file-unreadable": Code(2, "this file or folder cannot be read", "Check its permissions, then scan again."),
    "file-dicomdir": Code(2, "this is the directory of a medium, no image", "Nothing to do: it was left out."),
    "file-repeated": Code(2, "this file is a copy of another one", "Nothing to do: it counts once."),
    "prepare-link-loop": Code(2, "this link leads back to a folder above it", "Nothing to do: it was left out."),
    "prepare-link-broken": Code(2, "this link leads nowhere", "Repair or remove it, then scan again."),
    "prepare-file-special": Code(2, "this is no regular file", "Nothing to do: it was left out."),
    "file-nifti": Code(
        2, "this NIfTI volume has no side-car", "Put the header of its series beside it: x.json for x.nii.gz or x.nii."
    ),
    "file-sidecar": Code(2, "this is the side-car of a NIfTI volume", "Nothing to do: it is taken with its volume."),
    "nifti-damaged": Code(
        2, "this NIfTI volume is damaged, or not what its header says", "Get or convert it again; it was held back."
    ),
    "nifti-two-files": Code(2, "this NIfTI volume is in two files", "Write it as one file, .nii or .nii.gz."),
    "sidecar-invalid": Code(
        2,
        "this side-car is not the header of one series in JSON",
        "Write one object in the DICOM JSON model, or keywords with values, as UTF-8.",
    ),
    "sidecar-too-large": Code(
        2, "this side-car is too large or too deep", "Leave out of it what is no header; pixels do not belong in it."
    ),
    "sidecar-incomplete": Code(
        2, "this side-car names no patient or no modality", "Write PatientID and Modality into it."
    ),
    "file-archive": Code(2, "this file is an archive", "Nothing to do: what it holds was taken."),
    "prepare-archive-bomb": Code(
        3, "this archive grows beyond all bounds when unpacked", "Look at it; unpack it yourself if it is sound."
    ),
    "prepare-archive-damaged": Code(2, "this archive is damaged", "Get it again from where it came."),
    "prepare-archive-locked": Code(2, "this archive needs a password", "Unpack it yourself, then scan the folder."),
    "prepare-archive-path": Code(
        3, "a member of an archive names a place outside it", "Look at where it came from; it was not unpacked."
    ),
    "prepare-archive-nested": Code(3, "archives lie too deep in archives", "Unpack it yourself, then scan the folder."),
    "prepare-dicomdir-missing": Code(2, "a DICOMDIR names a file that is not there", "Copy the medium again, whole."),
    "prepare-dicomdir-outside": Code(
        3, "a DICOMDIR names a file outside its medium", "Nothing to do: it was left out."
    ),
    "prepare-scheduler-silent": Code(4, "the Dask scheduler does not answer", "Check its address, or leave it out."),
    "prepare-port-taken": Code(4, "another program listens on this port", "Choose another one with --port."),
    "prepare-peer-invalid": Code(
        2, "this is no address or title that can be used", "Write TITLE@host:port, or https://… for DICOMweb."
    ),
    "prepare-peer-silent": Code(4, "the archive does not answer", "Check address, title and network, then try again."),
    "prepare-query-invalid": Code(2, "the archive cannot be searched so", "Use DICOM keywords, such as StudyDate."),
    "prepare-move-refused": Code(
        4, "the PACS will not send the images here", "Have it know this computer's title, address and port."
    ),
    "prepare-reply-unreadable": Code(5, "the archive's answer cannot be read", "Tell its operator, or use C-MOVE."),
    "prepare-not-verified": Code(
        3, "files of the run have not passed verification", "Run `oncofed prepare check`, then release again."
    ),
    "prepare-tables-old": Code(
        3,
        "the tables speak of images that no longer stand",
        "Run `oncofed prepare index`, then `oncofed prepare check`.",
    ),
    "certificate-invalid": Code(
        5, "this certificate is not what was signed", "Get it again from the data holder; do not rely on it."
    ),
    "certificate-images-differ": Code(
        5, "these are not the images that the certificate speaks of", "Get images and certificate again, together."
    ),
    "prepare-plan-invalid": Code(2, "the plan cannot be used", "Correct what is named; see docs/reference/prepare.md."),
    "prepare-review-unknown": Code(
        2, "nothing of that number is held back", "Run `oncofed prepare review` for the list."
    ),
    "prepare-rejected": Code(3, "a person has decided to leave this out", "Nothing to do."),
    "prepare-file-changed": Code(4, "this file changed while it was worked on", "Scan again when it is at rest."),
    "prepare-worker-lost": Code(
        6, "this file broke every worker that touched it", "Look at it; decide with `prepare review`."
    ),
    "prepare-residual": Code(
        3, "something that identifies was found after de-identification", "Look at it with `oncofed prepare review`."
    ),
    "prepare-reference-broken": Code(
        3, "a reference no longer leads where it led", "De-identify the files of this patient again, all of them."
    ),
    "prepare-pixels-changed": Code(
        5, "pixels changed although no mask was planned", "De-identify the file again; tell the developers if it stays."
    ),
    "prepare-output-unreadable": Code(
        5, "the de-identified file cannot be read", "De-identify the file again; it was held back."
    ),
    "prepare-instance-conflict": Code(
        3, "two different files claim to be the same instance", "Remove the wrong one, or decide with `prepare review`."
    ),
    "prepare-patient-shared-id": Code(
        3, "one Patient ID stands for several people", "Correct it in the archive, or decide with `prepare review`."
    ),
    "prepare-patient-two-ids": Code(
        3, "one person has several Patient IDs", "Correct it in the archive, or decide with `prepare review`."
    ),
}

MAPPING = {
    "mapping-unknown": Code(2, "there is no such mapping", "Run `oncofed prepare map --list`, or name a file."),
    "mapping-invalid": Code(2, "the mapping file cannot be used", "Correct the place that is named."),
    "mapping-cycle": Code(2, "the mapping refers to itself in a circle", "Take one of the links out."),
    "mapping-relation-missing": Code(
        2, "the source lacks a relation that the mapping reads", "Check the source, or say `optional: true`."
    ),
    "mapping-column-unknown": Code(
        2, "the mapping names a column that the source does not have", "Correct the name, or list it as optional."
    ),
    "value-unmapped": Code(2, "values that no code map or vocabulary knows", "Add them to the mapping's code map."),
    "value-disputed": Code(
        2, "values whose code book contradicts itself", "Ask who filled them in, then set `disputed` in the mapping."
    ),
    "concept-found": Code(
        2,
        "concepts whose code was found through the source's OMOP vocabulary",
        "Read them once in mapping-values.tsv; name in the code map what should be something else.",
    ),
    "values-differ": Code(2, "rows of one key give different values; the first one counts", "Correct the source."),
    "code-malformed": Code(
        2, "values that are no codes of the shape they must have", "Map them, or correct the source."
    ),
    "number-unreadable": Code(2, "values that are no number of the kind needed", "Correct the source."),
    "number-out-of-range": Code(2, "numbers outside the range that can be", "Correct the source, or the unit."),
    "unit-unknown": Code(2, "numbers in a unit that does not convert", "Correct the unit in the source."),
    "date-unreadable": Code(2, "values that are no date in the formats named", "Add the format to the mapping."),
    "date-without-index": Code(
        2, "dates of patients without a day of diagnosis", "Add the date of diagnosis; the offset stays open."
    ),
    "row-incomplete": Code(2, "rows that say something but lack what they need", "Correct the source or the mapping."),
    "row-unused": Code(2, "rows that no rule of the mapping takes", "Add a rule, or list them in `passed_over`."),
    "reference-missing": Code(2, "rows that refer to a patient or condition that is not there", "Correct the source."),
    "database-unnamed": Code(
        2,
        "no database to read is named as it must be",
        "Put its URL into an environment variable, or a file that only you can read, and name that.",
    ),
    "database-driver-missing": Code(
        2, "the driver of this kind of database is not installed", "Install it; see docs/how-to/map-clinical-data.md."
    ),
    "database-unreachable": Code(
        4, "the database cannot be reached, or does not let us in", "Check host, port, name, user and password."
    ),
    "database-denied": Code(
        2, "the database does not let this user read a table", "Have SELECT granted on the tables the mapping reads."
    ),
    "database-failed": Code(
        4, "the database stopped answering: a time limit, or a lost connection", "Try again, or raise the time limit."
    ),
    "resource-unread": Code(
        2, "resources of a type that mappings do not read", "Nothing to do, or map another export."
    ),
}

CODES: dict[str, Code] = (
    PREPARE | MAPPING | QUERY | WAREHOUSE | DISCLOSURE | TRUST | CLIENT | SEARCH | EXCHANGE | HUB | NODE
)

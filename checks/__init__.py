"""Checks with teeth: what the product promises, measured on a disposable box, with planted faults.

`scripts/check NAME` runs one check against a box that is deployed from a frozen copy of this
checkout and ends with one JSON line. A check is a module with NAME, BUDGET_SECONDS, CASES (what it
tries), BREAKS (faults it can plant in the thing under test, each of which it must notice) and, when
it needs them, prepare and settle. What it looks at it reads by its own means (programs of `inside/`
sent to the box: kernel, file system, Docker's command line), never through the code it judges.
"""

"""Programs that run in the box, sent over stdin: standard library only, Python 3.10 or newer.

Each has a `main` that takes what the check passes and returns something JSON can hold. They share
no code with the product: what they find is another path to the truth.
"""

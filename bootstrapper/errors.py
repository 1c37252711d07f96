"""The error that ends a run with one line: it names the place and the mend."""


class UserError(Exception):
    """Something the user can mend; the message is the whole line that they read."""

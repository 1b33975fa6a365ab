"""Why forge cannot do what it was asked: a sentence with a remedy in it."""


class ForgeError(Exception):
    """A failure worth telling the person at the terminal."""

"""Text from the network, made fit to be shown: nothing in it hides, all of it can be encoded."""


def visible(text: str) -> str:
    """Return *text* with each character that has no look of its own written as ``\\uXXXX``.

    That is control characters, lone surrogates (which no encoding takes), and marks that turn the
    direction of writing, by which a text can be made to look like another. Line ends and tabs
    stay.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else escaped(letter) for letter in text
    )


def escaped(letter: str) -> str:
    """Return one character as JSON escapes it."""
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(value: object) -> object:
    """Return plain data in which no text, nor key, holds a lone surrogate.

    JSON could carry one as an escape, but strict readers refuse the whole document for it.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {encodable(key): encodable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(inner) for inner in value]
    return value

"""What is wrong with an expression, and where: for the person who wrote it."""

import unicodedata

WIDTH = 90
"""Characters of a long line that are shown around the place."""


class ExpressionError(Exception):
    """A text is no expression. ``str`` shows the line, a caret under the place, and a sentence."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        """A sentence: what was expected, and what was found."""
        self.text = text
        self.position = position
        """Character of *text*, from 0; its length if the text ends too early."""

    def __str__(self) -> str:
        """Show three lines: the line of the text, the caret, the sentence."""
        line, column = _window(self.text, self.position)
        blanks = " " * sum(_columns(char) for char in line[:column])
        return f"{line}\n{blanks}^\n{self.message}"


class EvaluationError(ExpressionError):
    """An operand of ``and`` or ``or`` turned out to be neither true, false nor undefined."""


def shown(text: str) -> str:
    """Return *text* with what a terminal would not print as itself taken out."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _window(text: str, position: int) -> tuple[str, int]:
    """Return the part of the line to show, and the place in it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    column = position - start
    if len(line) <= WIDTH:
        return shown(line).replace("\t", " "), column
    left = max(0, min(column - WIDTH // 2, len(line) - WIDTH))
    head = "..." if left else ""
    tail = "..." if left + WIDTH < len(line) else ""
    return head + shown(line[left : left + WIDTH]) + tail, column - left + len(head)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

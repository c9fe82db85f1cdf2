"""What a proxy process needs of a cutover, from the words it was given."""

import os
from pathlib import Path
from typing import Any

from shadow.cutover.controller import Controller
from shadow.cutover.guards import Guards
from shadow.cutover.router import StageRouter
from shadow.cutover.store import Store
from shadow.routing import Router


def open_cutover(
    clock: Any, directory: Path, rules: Router, name: str, build: str, copied: bool
) -> Controller:
    """Return the controller of a proxy process; its ``router`` is asked, its ``see`` observes.

    :param rules: say which requests are mirrored.
    :param name: of this process; with its number it is the name of its file.
    :param build: what the candidate is.
    :param copied: there is a legacy instance that writes to quarantine.
    :raises StoreError: *directory* holds no cutover.
    """
    router, guards = StageRouter(rules, copied), Guards(copied=copied)
    own = f"{name}-{os.getpid()}"
    return Controller(clock, Store(directory), router, guards, own, build, copied)

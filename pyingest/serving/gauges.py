"""What a process holds now, as samples."""

import resource
from pathlib import Path

from pyingest.http import HttpFactory
from pyingest.serving.admission import LimitedFactory
from pyingest.serving.metrics import Family, Sample

CONNECTIONS = Family("mixmigrate_connections", "gauge", "Open connections of clients.")
IN_FLIGHT = Family("mixmigrate_requests_in_flight", "gauge", "Requests that are being answered.")
MALFORMED = Family(
    "mixmigrate_malformed_total", "counter", "Bytes that were no request, or too big."
)
TIMED_OUT = Family("mixmigrate_timed_out_total", "counter", "Requests whose rest never came.")
TURNED = Family(
    "mixmigrate_connections_turned_away_total", "counter", "Connections beyond the limits."
)
CPU = Family("process_cpu_seconds_total", "counter", "Processor time, in seconds.")
MEMORY = Family("process_resident_memory_bytes", "gauge", "Memory in use.")
FILES = Family("process_open_fds", "gauge", "Open files and sockets.")
FRONT_FAMILIES = (CONNECTIONS, IN_FLIGHT, MALFORMED, TIMED_OUT, TURNED, CPU, MEMORY, FILES)


def front_samples(factory: HttpFactory) -> list[Sample]:
    """Return what *factory* and this process hold now."""
    found = [
        Sample(CONNECTIONS.name, (), len(factory.connections)),
        Sample(IN_FLIGHT.name, (), factory.in_flight),
        Sample(MALFORMED.name, (), factory.malformed),
        Sample(TIMED_OUT.name, (), factory.timed_out),
    ]
    if isinstance(factory, LimitedFactory):
        found.append(Sample(TURNED.name, (), factory.admission.turned_away))
    return found + process_samples()


def process_samples() -> list[Sample]:
    """Return what this process uses; memory and files only where ``/proc`` is."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = [Sample(CPU.name, (), used.ru_utime + used.ru_stime)]
    proc = Path("/proc/self")
    try:
        pages = int((proc / "statm").read_text().split()[1])
        files = sum(1 for _ in (proc / "fd").iterdir())
    except (OSError, IndexError, ValueError):
        return found
    found.append(Sample(MEMORY.name, (), pages * resource.getpagesize()))
    found.append(Sample(FILES.name, (), files))
    return found

"""The memory of programs that hold keys cannot be read by another program of the same user."""
import os
import re
import subprocess
from pathlib import Path

from harness.service import BIN
from harness.waiting import wait_for

# Root may inspect every process; without capabilities root may inspect only processes without capabilities.
BARE = ["setpriv", "--bounding-set=-all"] if os.getuid() == 0 else []


def may_be_read(pid):
    """Whether a process of the same user may inspect this one; the kernel applies the rules of ptrace(2)."""
    return subprocess.run([*BARE, "cat", f"/proc/{pid}/environ"], capture_output=True).returncode == 0


def core_bytes(pid):
    """The (soft, hard) limit of the size of a core dump."""
    return re.search(r"^Max core file size +(\w+) +(\w+)", Path(f"/proc/{pid}/limits").read_text(), re.M).groups()


def is_closed(pid):
    return core_bytes(pid) == ("0", "0") and not may_be_read(pid)


def test_the_memory_of_other_programs_can_be_read():
    """Otherwise the tests below would show nothing."""
    with subprocess.Popen([*BARE, "sleep", "60"]) as other:
        wait_for(lambda: may_be_read(other.pid), "the memory can be read", 10)
        other.kill()


def test_no_other_program_reads_the_memory_of_a_service(system):
    service = system.blazz.ingest("bare")
    service.prefix = BARE
    service.start()
    closed = is_closed(service.process.pid)
    service.kill()
    assert closed and {core_bytes(s.process.pid) for s in system.services} == {("0", "0")}


def test_no_other_program_reads_the_memory_of_blazzctl(system):
    """While blazzctl waits for a secret from a pipe."""
    command = [*BARE, BIN / "blazzctl", "-c", system.blazz.folder / "blazzctl.conf", "apps", "add", "--secret-file", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as blazzctl:
        wait_for(lambda: Path(f"/proc/{blazzctl.pid}/comm").read_text() == "blazzctl\n", "the process runs blazzctl", 10)
        wait_for(lambda: is_closed(blazzctl.pid), "blazzctl dumps no core, and its memory cannot be read", 10)
        assert blazzctl.poll() is None
        blazzctl.kill()

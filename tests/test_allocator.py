"""The allocator reuses freed memory."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from lit_classify.allocator import keep_freed_memory

{setting}
def faults():
    earlier = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        tensors = [torch.ones(1 << 23) for _ in range(4)]
        del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - earlier
faults()
print(faults())
"""


def count_faults(setting: str) -> int:
    code = FAULTS.format(setting=setting)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_memory_of_large_tensors_is_reused_without_page_faults() -> None:
    pages = 5 * 4 * (4 << 23) // 4096
    assert count_faults("") > pages / 2
    assert count_faults("keep_freed_memory()") < pages / 100

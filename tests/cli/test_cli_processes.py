"""Commands in processes of their own: signals, pipes, streams."""

import os
import signal
import sys
import time

import pytest
from cli_fakes import complete, left_in

WAIT_IN_THE_MIDDLE = """
import time, histo.pipeline.segmentation as room
plain, left = room.segment, iter(range({slides}))
def segment(*args, progress, **options):
    def tell(done, total):
        print("tile", flush=True)
        for _ in range(600):  # a signal just before a sleep is heard after it
            time.sleep(0.1)
    last = next(left) == {slides} - 1
    return plain(*args, progress=tell if last else progress, **options)
room.segment = segment
"""


def wait_for_a_tile(process):
    line = process.stdout.readline()
    assert line == "tile\n", line + process.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to process groups only")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_in_time_and_leaves_nothing(start, slide, bundle, out, number, code):
    process = start(
        "infer", slide, "--out", out, "--bundle", bundle, before=WAIT_IN_THE_MIDDLE.format(slides=1)
    )
    wait_for_a_tile(process)
    assert left_in(out)  # it is at work
    began = time.monotonic()
    process.send_signal(number)
    output, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert time.monotonic() - began < 50
    assert "Traceback" not in err
    assert err == ("Interrupted; nothing half-written was left.\n" if code == 130 else "")
    assert not output
    assert not left_in(out)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to process groups only")
def test_results_done_before_an_interruption_stay(start, slide, bundle, out):
    words = ("infer", slide, slide, "--out", out, "--bundle", bundle, "--json")
    process = start(*words, before=WAIT_IN_THE_MIDDLE.format(slides=2))
    wait_for_a_tile(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert left_in(out) == {slide.stem}
    assert complete(out / slide.stem)


def test_only_json_is_printed_for_programs(finish, slide, bundle, out):
    done = finish("infer", slide, "--out", out, "--bundle", bundle, "--json")
    assert done.code == 0
    assert done.json[0]["slide"] == slide.stem
    assert done.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pipe")
def test_a_reader_that_leaves_is_no_fault_of_ours(start):
    process = start("models", "list", before="import time; time.sleep(1)")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert "unexpected" not in err

"""The default number of threads against one thread: wall time of one `savs encode`, the two taking turns.

    python3 tools/bench/bench_threads.py SAVS [--busy N] [--pairs N] [--model DIR] [--input LIST]

--busy N: N processes that only count run beside it all the time. Prints the time at the default over the time with
--threads 1: the median of the pairs' ratios, and its 95 % interval by resampling the pairs. Variables such as
OMP_WAIT_POLICY=active are passed on.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_pairs import interval


def encode_seconds(to, scratch, options):
    store = os.path.join(scratch, "store")
    shutil.rmtree(store, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run([to.savs, "encode", "--quiet", "--model", to.model, "--input", to.input, "--store", store, *options],
                   check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(to, scratch):
    ratios, seconds = [], {(): [], ("--threads", "1"): []}
    for i in range(to.pairs):
        for options in list(seconds) if i % 2 == 0 else reversed(list(seconds)):
            seconds[options].append(encode_seconds(to, scratch, options))
        ratios.append(seconds[()][-1] / seconds["--threads", "1"][-1])
    return ratios, [statistics.median(s) for s in seconds.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("savs")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--model", default="data/tiny-llava-onevision")
    parser.add_argument("--input", default="data/demo/count_shape/train.jsonl")
    to = parser.parse_args()
    load = os.getloadavg()[0]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(to.busy)]
    try:
        with tempfile.TemporaryDirectory() as scratch:
            encode_seconds(to, scratch, ())  # the files are in memory from here on
            ratios, (default, one) = measure(to, scratch)
    finally:
        for process in busy:
            process.kill()
    low, high = interval(ratios)
    print(f"{to.busy} busy beside (load {load:.1f} before): default over one thread {statistics.median(ratios):.3f} "
          f"[{low:.3f}, {high:.3f}], {to.pairs} pairs from {min(ratios):.3f} to {max(ratios):.3f}; "
          f"median {default:.2f} s against {one:.2f} s")


if __name__ == "__main__":
    main()

"""Two builds of savs against each other: the CPU time of one forward, the builds taking turns.

    python3 tools/bench/bench_pairs.py OLD NEW MODEL [--engine NAME] [--pairs N] [more of bench's options]

prints the speed of NEW over OLD: the median of the pairs' ratios, and its 95 % interval by resampling the pairs.
"""
import argparse
import json
import random
import statistics
import subprocess


def forward_seconds(savs, model, options):
    done = subprocess.run([savs, "bench", "--model", model, "--rounds", "1", "--threads", "1", "--json", *options],
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{savs}: {done.stderr.strip()}")
    return json.loads(done.stdout)["forward"]["cpu_seconds"]


def interval(ratios, draws=4000):
    again = random.Random(1)
    medians = sorted(statistics.median(again.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[draws // 40], medians[draws - draws // 40 - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=15)
    to, options = parser.parse_known_args()
    ratios = []
    for i in range(to.pairs):
        taken = {}
        for savs in (to.old, to.new) if i % 2 == 0 else (to.new, to.old):
            taken[savs] = forward_seconds(savs, to.model, options)
        ratios.append(taken[to.old] / taken[to.new])
    low, high = interval(ratios)
    print(f"{' '.join(options)}: speed of new over old {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}], "
          f"{to.pairs} pairs from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()

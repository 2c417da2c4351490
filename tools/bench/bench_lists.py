"""Memory and time of long and of hostile lists: peaks of reading, and time when the input doubles.

    python tools/bench/bench_lists.py [build/savs]

Python alone, no packages; files of 100 MB in the temporary folder.
Peak: the most memory that `savs show samples` had resident (wait4). Time: CPU seconds, the best of three.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

SAVS = sys.argv[1] if len(sys.argv) > 1 else "build/savs"
MODEL = "data/tiny-llava-onevision"


def measure(*arguments):
    """Exit code, CPU seconds and peak MiB of one run."""
    process = subprocess.Popen([SAVS, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, code, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(code), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def record(i):
    return json.dumps({"image": f"pictures/{i:07d}.jpg", "question_id": i, "label": "cat" if i % 2 else "dog",
                       "question": "What animal is this? Answer with one word."})


def write_array(path, item, separator):
    """A JSON array of 100 MB; gives the number of its items."""
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        size = file.write("[")
        while size < 100_000_000:
            size += file.write((separator if count else "") + item(count))
            count += 1
        file.write("]")
    return count


def colliding_words():
    """The blocks of tests/colliding.c: words that share a slot of any table by FNV-1a."""
    with open("tests/colliding.c", encoding="utf-8") as file:
        pairs = re.findall(r'\{"(\w+)", "(\w+)"\}', file.read())
    return lambda i: "".join(pair[i >> k & 1] for k, pair in enumerate(pairs))


def peaks(folder):
    path = os.path.join(folder, "list.json")
    for name, item, separator in [("[0,0,…] of 100 MB", lambda i: "0,0,0,0,0,0,0,0", ","),
                                  ("an array of records, 100 MB", record, ",\n")]:
        count = write_array(path, item, separator)
        code, seconds, peak = measure("show", "samples", "--input", path)
        print(f"{name}: {count} items, exit {code}, peak {peak:.0f} MiB, {seconds:.2f} s")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(record(i) + "\n" for i in range(10**6))
    code, seconds, peak = measure("show", "samples", "--input", path)
    size = os.path.getsize(path) / 1e6
    print(f"10^6 lines, {size:.0f} MB: exit {code}, peak {peak:.0f} MiB, {seconds:.2f} s")


def doubling(name, sizes, write, *command):
    """CPU seconds at each size, and the largest ratio of neighbours."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for size in sizes:
            path = os.path.join(folder, f"{size}.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                write(file, size)
            stores = [store_in(folder, command, size, n) for n in range(3)]
            seconds.append(min(measure(*command, "--input", path, *store)[1] for store in stores))
        ratios = [b / a for a, b in zip(seconds, seconds[1:])]
        shown = ", ".join(f"{size}: {s:.2f} s" for size, s in zip(sizes, seconds))
        print(f"{name}: {shown}; × {max(ratios):.2f} at most when the input doubles")


def store_in(folder, command, size, n):
    return ["--store", os.path.join(folder, f"store{size}-{n}")] if command[0] == "encode" else []


def main():
    word = colliding_words()
    with tempfile.TemporaryDirectory() as folder:
        peaks(folder)
    show, encode = ("show", "samples"), ("encode", "--quiet", "--threads", "1", "--model", MODEL)
    doubling("equal lines, encode", (10000, 20000, 40000),
             lambda file, n: file.write('{"question":"What is this?","label":"a"}\n' * n), *encode)

    def write_keys(file, n):
        file.write('{"question":"q",' + ",".join(f'"{word(i)}":0' for i in range(n)) + "}")

    def write_labels(file, n):
        file.writelines(f'{{"question":"q","label":"{word(i)}"}}\n' for i in range(n))

    doubling("keys of one slot in a record", (1 << 13, 1 << 14, 1 << 15), write_keys, *show)
    doubling("labels of one slot", (1 << 13, 1 << 14, 1 << 15), write_labels, *show)


if __name__ == "__main__":
    main()

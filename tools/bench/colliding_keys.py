"""Words that collide in a table of FNV-1a (base.c, sav_hash): pairs of blocks for tests/io/test_json_records.c.

From a state of the hash, both blocks of a pair lead to states whose low 45 bits are equal. The folded hash takes its low 16 bits from
these, so 15 pairs give 32,768 words that share one slot. Each pair is a birthday among 25 million random blocks: 2 minutes, 1.5 GB.

    python tools/bench/colliding_keys.py
"""
import numpy as np

PRIME, LOW = np.uint64(0x100000001B3), np.uint64((1 << 45) - 1)
PAIRS, BLOCK, TRIES = 15, 8, 3 << 23


def states(start, blocks):
    """The hash after each block, its low 45 bits; start: before."""
    state = np.full(len(blocks), start, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for k in range(BLOCK):
            state = (state ^ blocks[:, k].astype(np.uint64)) * PRIME
    return state & LOW


def find_pair(start, random):
    """Two blocks and the state behind them."""
    blocks = random.integers(97, 123, size=(TRIES, BLOCK), dtype=np.uint8)
    low = states(start, blocks)
    order = np.argsort(low, kind="stable")
    for i in np.nonzero(low[order][1:] == low[order][:-1])[0]:
        one, other = blocks[order[i]], blocks[order[i + 1]]
        if (one != other).any():
            return bytes(one).decode(), bytes(other).decode(), int(low[order[i]])
    raise SystemExit("no pair among the tries")


def main():
    random, state = np.random.default_rng(11), 0xCBF29CE484222325
    for _ in range(PAIRS):
        one, other, state = find_pair(state, random)
        print(f'{{"{one}", "{other}"}},')


if __name__ == "__main__":
    main()

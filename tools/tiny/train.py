"""Training in two phases, by two processes of one thread each whose gradients are averaged.

    phase 1, the tower: patch tokens -> shape, colour and fill of what covers the patch; their mean -> count, texture, strokes
    phase 2, everything: a chat of two or three turns about each picture -> next-token loss on the answers alone

Next-token loss from scratch alone learns far slower: the decoder cannot use what the tower does not show yet. The number
of steps is fixed, so a seed gives the same model on one machine however busy it is.
"""

import math
import os
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

from . import family, pictures, questions, world


def _average(params):
    grads = [p.grad for p in params if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in grads])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for g in grads:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()


def _say(rank, log, text):
    if rank == 0:
        print(text, flush=True)
        with open(log, "a") as f:
            f.write(text + "\n")


def _masked_ce(logits, target):
    return F.cross_entropy(logits.flatten(0, -2), target.flatten().long(), ignore_index=255)


class Probes(nn.Module):
    """Linear read-outs that teach the tower and are thrown away."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.shape, self.color, self.fill = (nn.Linear(width, 1 + len(n)) for n in (world.SHAPES, world.COLORS, questions.FILLS))
        self.count, self.texture, self.stroke = nn.Linear(width, 7), nn.Linear(width, 1 + len(world.TEXTURES)), nn.Linear(width, len(world.STROKES))

    def forward(self, x):
        x = self.norm(x)
        m = x.mean(1)
        return self.shape(x), self.color(x), self.fill(x), self.count(m), self.texture(m), self.stroke(m)


def _tower_batch(rng, sets, names, weights, batch, mixed):
    """Tiles [B, h, w, 3], patch labels, picture labels: base tiles, and for pictures of several one time in four a grid tile."""
    tiles, patch, picture = [], [], []
    for k in rng.choice(len(names), batch, p=weights) if mixed else [rng.choice(len(names), p=weights)] * batch:
        s = sets[names[k]]
        i = int(rng.integers(len(s.scenes)))
        t = 0 if s.tiles.shape[1] == 1 or rng.random() < 0.75 else int(rng.integers(1, s.tiles.shape[1]))
        tiles.append(s.tiles[i, t])
        patch.append(s.patch[i, t])
        label = s.picture[i].copy()
        if t:  # a part of the picture: no count, and no strokes
            label[0] = 255
        picture.append(label)
    grid = np.array([p[0] == 255 for p in picture])
    return np.stack(tiles), torch.from_numpy(np.stack(patch)), torch.from_numpy(np.stack(picture)), torch.from_numpy(grid)


def train_tower(tiny, model, sets, steps, batch, seed, rank, log):
    torch.manual_seed(seed)
    probes = Probes(tiny.VC)
    params = [p for n, p in model.named_parameters() if tiny.in_tower(n)] + list(probes.parameters())
    opt = torch.optim.AdamW(params, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.02)
    names = list(sets)
    weights = np.array([len(sets[n].scenes) for n in names], float)
    weights /= weights.sum()
    rng = np.random.default_rng([seed, 1, rank])
    start, seen = time.time(), np.zeros(4)
    for step in range(steps):
        lr = 2e-3 * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for g in opt.param_groups:
            g["lr"] = lr
        tiles, patch, picture, grid = _tower_batch(rng, sets, names, weights, batch, tiny.MIXED)
        shape, color, fill, count, texture, stroke = probes(tiny.tower(model, tiny.pixels(tiles)))
        has = (picture[:, 0] == 255) & (picture[:, 2:].sum(1) > 0)  # pictures of strokes, seen whole or in part
        loss = 2 * _masked_ce(shape, patch[..., 0]) + _masked_ce(color, patch[..., 1]) + _masked_ce(fill, patch[..., 2])
        loss = loss + _masked_ce(count, picture[:, 0]) + _masked_ce(texture, picture[:, 1])
        if has.any():
            loss = loss + F.binary_cross_entropy_with_logits(stroke[has], picture[has, 2:].float())
        else:
            loss = loss + 0 * stroke.sum()  # a gradient all the same: the two processes average equally many
        opt.zero_grad()
        loss.backward()
        _average(params)
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        on = (patch[..., 0] > 0) & (patch[..., 0] < 255)
        whole = picture[:, 0] < 255
        seen += [(shape.argmax(-1)[on] == patch[..., 0][on]).float().mean(), (color.argmax(-1)[on] == patch[..., 1][on]).float().mean(),
                 (fill.argmax(-1)[on] == patch[..., 2][on]).float().mean(), (count.argmax(-1)[whole] == picture[whole, 0]).float().mean()]
        if (step + 1) % 100 == 0:
            s, c, f, n = seen / 100
            _say(rank, log, f"tower {step + 1}/{steps} {time.time() - start:.0f} s loss {loss.item():.3f} patch shape {s:.3f} colour {c:.3f} fill {f:.3f} count {n:.3f}")
            seen[:] = 0


# ---- phase 2 -----------------------------------------------------------------------------------------------------

class Chat:
    """Turns to ids, with the pieces that repeat encoded once."""

    def __init__(self, tiny, tok):
        self.tok, self.layout, self.known = tok, (tiny.FIRST, tiny.LATER), {}
        self.pad, self.end, self.image = (tok.token_to_id(s) for s in ("<|endoftext|>", "<|im_end|>", tiny.IMAGE))

    def piece(self, text):
        if text not in self.known:
            self.known[text] = self.tok.encode(text).ids
        return self.known[text]

    def encode(self, turns, image_tokens):
        """(ids, targets): targets[t] = the id that must follow position t, or -100."""
        ids, learn = [], []

        def put(part, wanted=False):
            ids.extend(part)
            learn.extend([wanted] * len(part))

        for k, (question, answer) in enumerate(turns):
            for token in self.piece(self.layout[k > 0].format(question)):
                put([token] * (image_tokens if token == self.image else 1))
            put([*self.piece(answer), self.end], True)
        return ids, [ids[t + 1] if t + 1 < len(ids) and learn[t + 1] else -100 for t in range(len(ids))]


def _chat_batches(rng, chat, s, batch, ahead):
    """`ahead` batches of pictures of one size, each of chats of about the same length (padding is wasted work)."""
    taste = np.array([TASTE[scene["kind"]] for scene in s.scenes])
    index = rng.choice(len(s.scenes), batch * ahead, p=taste / taste.sum())
    rows = [(i, *chat.encode(questions.conversation(rng, s.scenes[i]), len(s.order))) for i in index]
    rows.sort(key=lambda r: len(r[1]))
    for k in rng.permutation(ahead):
        part = rows[k * batch : (k + 1) * batch]
        ids = torch.full((batch, len(part[-1][1])), chat.pad)
        target = torch.full(ids.shape, -100)
        for j, (_, a, b) in enumerate(part):
            ids[j, : len(a)] = torch.tensor(a)
            target[j, : len(b)] = torch.tensor(b)
        yield s.tiles[[r[0] for r in part]], ids, target


# How much more often a kind of scene is asked about than drawn: two objects and their relation is what so short a training
# does not learn, so its time goes to the others.
TASTE = {"one": 1.0, "two": 0.3, "group": 1.7, "texture": 0.8, "strokes": 0.7}
AHEAD, EARLY, RATE, DECAY = 4, 1600, 1.5e-3, 0.35  # EARLY: steps with mostly the smallest pictures


def _agreed_steps(work, steps, rank):
    """Both processes take the number in WORK/steps, if that file is there: a long run can be told to come to its end."""
    n = torch.tensor([steps])
    path = f"{work}/steps"
    if rank == 0 and os.path.exists(path):
        with open(path) as f:
            n[0] = int(f.read())
    dist.broadcast(n, 0)
    return int(n)


def train_decoder(tiny, model, tok, sets, steps, batch, seed, rank, work, again=0):
    """Rate 1.5e-3 after a warm-up, and a cosine to nearly nothing over the last DECAY of the steps.

    again: 0 for the first round; 1 for the second, which starts warm and leaves out the time of mostly small pictures.
    """
    log = f"{work}/train.log"
    vision = {id(p) for n, p in model.named_parameters() if tiny.in_tower(n)}
    params = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in params if id(p) not in vision], "scale": 1.0}, {"params": [p for p in params if id(p) in vision], "scale": 0.3}]
    opt = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), weight_decay=0.05)
    chat = Chat(tiny, tok)
    names = list(sets)
    count = np.array([len(sets[n].scenes) for n in names], float)
    small = np.array([n == (56, 56) for n in names], float)
    early = 0.85 * small + 0.15 * count * (1 - small) / (count * (1 - small)).sum()
    late = 0.2 * small + 0.8 * count * (1 - small) / (count * (1 - small)).sum()
    rng = np.random.default_rng([seed, 2, rank, again])
    both = np.random.default_rng([seed, 3, again])  # the same in both processes: they take pictures of one size at a time
    start, losses, step = time.time(), [], 0
    while step < steps:
        if step % 50 == 0:
            steps = _agreed_steps(work, steps, rank)
        into = max(0.0, (step - (1 - DECAY) * steps) / (DECAY * steps))
        lr = RATE * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, into))))
        for g in opt.param_groups:
            g["lr"] = lr * g["scale"]
        if step % AHEAD == 0:
            s = sets[names[both.choice(len(names), p=early if step < EARLY and not again else late)]]
            ready = _chat_batches(rng, chat, s, batch, AHEAD)
        tiles, ids, target = next(ready)
        h = tiny.hidden(model, tiles, s.order, ids)
        wanted = target >= 0
        loss = F.cross_entropy(model.get_output_embeddings()(h[wanted]), target[wanted])
        opt.zero_grad()
        loss.backward()
        _average(params)
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        losses.append(loss.item())
        step += 1
        if step % 50 == 0:
            spent = time.time() - start
            _say(rank, log, f"decoder {step}/{steps} {spent:.0f} s {time.process_time():.0f} s of processor loss {np.mean(losses[-50:]):.4f} {2 * batch * step / spent:.0f} pictures/s")
        if rank == 0 and step % 500 == 0:
            torch.save(model.state_dict(), f"{work}/checkpoint.pt")


def process(rank, world_size, opts):
    """One of the two training processes; rank 0 writes the results."""
    torch.set_num_threads(1)
    os.setsid()  # a scheduler that groups by terminal then counts each process by itself
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(opts.port))
    dist.init_process_group("gloo", rank=rank, world_size=world_size)
    work, log = opts.work, f"{opts.work}/train.log"
    tiny = family(opts.family)
    sets = pictures.load(tiny, f"{work}/pictures")
    tok = Tokenizer.from_file(f"{work}/tokenizer.json")
    model = tiny.build(tok, opts.seed)
    if os.path.exists(f"{work}/tower.pt"):
        unknown = model.load_state_dict(torch.load(f"{work}/tower.pt"), strict=False).unexpected_keys
        assert not unknown, f"{work}/tower.pt is of another family: {unknown[0]}"
    else:
        train_tower(tiny, model, sets, opts.tower_steps, tiny.TOWER_BATCH, opts.seed, rank, log)
        if rank == 0:
            torch.save({k: v for k, v in model.state_dict().items() if tiny.in_tower(k)}, f"{work}/tower.pt")
    if not opts.tower_only:
        if os.path.exists(f"{work}/round1.pt"):
            model.load_state_dict(torch.load(f"{work}/round1.pt"))
        else:
            train_decoder(tiny, model, tok, sets, opts.steps, 8, opts.seed, rank, work)
            if rank == 0:
                torch.save(model.state_dict(), f"{work}/round1.pt")
        train_decoder(tiny, model, tok, sets, opts.more_steps, 8, opts.seed, rank, work, again=1)
        if rank == 0:
            torch.save(model.state_dict(), f"{work}/model.pt")
    dist.destroy_process_group()

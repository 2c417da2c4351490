"""llama.cpp for tools/bench/bench: one Qwen2 decoder layer at the width of a 7B model, by llama-cpp-python.

    layer-F32.gguf -> llama.cpp's own quantiser -> layer-F16.gguf, BF16, Q8_0, Q4_K -> a forward of T rows, logits at each

A row without logits would be dropped before the last layer's MLP, and this model's only layer is its last; the head that the rows
pay for is 256 tokens wide, half a percent of the layer. Flash attention, keys and values in f16 as by default, at most 512 rows
at a time (its own default), repacked weights where llama.cpp has them, one thread. Needs llama-cpp-python (it comes as source: a C++ compiler, CMake, a quarter of an hour) and gguf.
"""
import contextlib
import ctypes
import importlib.util
import os

D, F, HEADS, KV_HEADS, VOCABULARY = 3584, 18944, 28, 4, 256
TYPES = {"F32": None, "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16", "Q8_0": "MOSTLY_Q8_0", "Q4_K": "MOSTLY_Q4_K_S"}


def missing():
    """The packages that are not here."""
    return [name for name in ("llama_cpp", "gguf") if importlib.util.find_spec(name) is None]


def version():
    """Its version, and the vector instructions that it was compiled for: a build without them would flatter us."""
    import llama_cpp as L

    quiet()
    return f"llama-cpp-python {L.__version__}; {' '.join(L.llama_print_system_info().decode().split())}"


def write(path):
    import gguf
    import numpy as np

    rng = np.random.default_rng(0)
    w = gguf.GGUFWriter(path, "qwen2")
    w.add_block_count(1)
    w.add_context_length(32768)
    w.add_embedding_length(D)
    w.add_feed_forward_length(F)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_rope_freq_base(1e6)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_vocab_size(VOCABULARY)
    w.add_tokenizer_model("no_vocab")

    def matrix(name, rows, columns):
        w.add_tensor(f"{name}.weight", rng.uniform(-0.02, 0.02, (rows, columns)).astype(np.float32))

    def vector(name, n, value):
        w.add_tensor(name, np.full(n, value, np.float32))

    matrix("token_embd", VOCABULARY, D)
    matrix("output", VOCABULARY, D)
    vector("output_norm.weight", D, 1)
    for name, rows in (("q", D), ("k", D // HEADS * KV_HEADS), ("v", D // HEADS * KV_HEADS)):
        matrix(f"blk.0.attn_{name}", rows, D)
        vector(f"blk.0.attn_{name}.bias", rows, 0.1)
    matrix("blk.0.attn_output", D, D)
    matrix("blk.0.ffn_gate", F, D)
    matrix("blk.0.ffn_up", F, D)
    matrix("blk.0.ffn_down", D, F)
    vector("blk.0.attn_norm.weight", D, 1)
    vector("blk.0.ffn_norm.weight", D, 1)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def silent(level, text, data):
    pass


def quiet():
    import llama_cpp as L

    L.llama_log_set(silent, None)
    L.llama_backend_init()


def file_of(folder, kind):
    """The model in that type, made at the first call."""
    import llama_cpp as L

    wide, path = f"{folder}/layer-F32.gguf", f"{folder}/layer-{kind}.gguf"
    quiet()
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(wide):
        write(wide + ".part")
        os.rename(wide + ".part", wide)
    if not os.path.exists(path):
        how = L.llama_model_quantize_default_params()
        how.ftype, how.pure = getattr(L, f"LLAMA_FTYPE_{TYPES[kind]}"), True  # pure: each matrix in this type
        if L.llama_model_quantize(wide.encode(), (path + ".part").encode(), ctypes.byref(how)):
            raise SystemExit(f"{path}: llama.cpp could not write it")
        os.rename(path + ".part", path)
    return path


@contextlib.contextmanager
def layer(folder, kind, T):
    """Gives a function of no argument: one forward of T rows."""
    import llama_cpp as L

    path = file_of(folder, kind)
    model = L.llama_model_load_from_file(path.encode(), L.llama_model_default_params())
    how = L.llama_context_default_params()
    how.n_ctx = how.n_batch = T
    how.n_ubatch = min(T, 512)
    how.n_threads = how.n_threads_batch = 1
    how.flash_attn_type = L.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = L.llama_init_from_model(model, how) if model else None
    if not context:
        raise SystemExit(f"{path}: llama.cpp could not load it")
    batch = L.llama_batch_init(T, 0, 1)
    batch.n_tokens = T
    for i in range(T):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = i % VOCABULARY, i, 1, 0, 1

    def forward():
        L.llama_memory_clear(L.llama_get_memory(context), False)
        if L.llama_decode(context, batch):
            raise SystemExit(f"{path}: llama.cpp could not run it")
        L.llama_synchronize(context)

    yield forward
    L.llama_batch_free(batch)
    L.llama_free(context)
    L.llama_model_free(model)

#!/usr/bin/env python3
"""Makes golden files: what another program computes from a checkpoint, for 'slick check' to compare with.

    python3 tests/data/make_golden.py model FOLDER               golden.safetensors, golden.json
    python3 tests/data/make_golden.py adapter FOLDER BASE        the same of a LoRA adapter beside its base model
    python3 tests/data/make_golden.py tokenizer FOLDER           golden.jsonl
    python3 tests/data/make_golden.py annotation FOLDER QUESTIONS OUT
    python3 tests/data/make_golden.py compare FOLDER [BASE]      the plain computation against golden files that are there
    python3 tests/data/make_golden.py data                       the files of tests/data

README.md beside this script describes the files. Needed are PyTorch and NumPy. Where Hugging Face transformers (for an adapter PEFT
too) and tokenizers are installed, they compute; --plain, or their absence, takes the plain computation below: the model families llama,
mistral, qwen2, gemma3_text, gpt2 and gpt_neox, LoRA adapters of these, and tokenizer.json with BPE or WordLevel (then the package regex
is needed too).
"""
import argparse
import json
import math
import os
import struct
import sys
import unicodedata

import numpy as np
import torch

try:
    import transformers
except ImportError:
    transformers = None
try:
    import peft
except ImportError:
    peft = None
try:
    import tokenizers
except ImportError:
    tokenizers = None


# --- Files ---------------------------------------------------------------------------------------------------------------------

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "I32": torch.int32, "F64": torch.float64}
NAMES = {v: k for k, v in DTYPES.items()}


def read_safetensors(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(bytearray(data[e["data_offsets"][0]:e["data_offsets"][1]]), dtype=DTYPES[e["dtype"]])
            .reshape(e["shape"]) for name, e in header.items()}


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    tensors = {name: t.detach().contiguous() for name, t in tensors.items()}
    for name, t in tensors.items():
        size = t.numel() * t.element_size()
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            file.write(t.view(torch.uint8 if t.dim() else t.dtype).numpy().tobytes() if t.dtype == torch.bfloat16 else t.numpy().tobytes())


def read_weights(folder):
    whole, index = os.path.join(folder, "model.safetensors"), os.path.join(folder, "model.safetensors.index.json")
    if os.path.exists(whole):
        files = ["model.safetensors"]
    else:
        files = sorted(set(read_json(index)["weight_map"].values()))
    weights = {}
    for name in files:
        weights.update(read_safetensors(os.path.join(folder, name)))
    return {name: w.to(torch.float32) for name, w in weights.items()}


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


# --- Models: one forward pass, written from the families' papers and configurations ----------------------------------------------

class Plain:
    """A decoder in fp32, without a cache: logits of all positions from all ids. Weights by Hugging Face's names. With the folder of a
    LoRA adapter, its factors are the parameters."""

    def __init__(self, folder, adapter=None):
        c = self.config = read_json(os.path.join(folder, "config.json"))
        self.weights = {k: torch.nn.Parameter(v) for k, v in read_weights(folder).items()}
        kind = self.kind = c["model_type"]
        if kind not in ("llama", "mistral", "qwen2", "gemma3_text", "gpt2", "gpt_neox"):
            sys.exit(f"{folder}: the plain computation does not know the family {kind}; install transformers.")
        old = kind == "gpt2"
        self.hidden = c["n_embd" if old else "hidden_size"]
        self.layers = c["n_layer" if old else "num_hidden_layers"]
        self.heads = c["n_head" if old else "num_attention_heads"]
        self.kv = c.get("num_key_value_heads") or self.heads
        self.width = c.get("head_dim") or self.hidden // self.heads
        rope = c.get("rope_parameters") or {}
        theta = c.get("rope_theta") or c.get("rotary_emb_base") or 10000.0
        flat = {"rope_theta": theta, **(c.get("rope_scaling") or {}), **{k: v for k, v in rope.items() if not isinstance(v, dict)}}
        share = rope.get("partial_rotary_factor", c.get("rotary_pct", 0.25)) if kind == "gpt_neox" else 1.0
        self.rotated = int(self.width * share)
        types = c.get("layer_types")
        if kind == "gemma3_text":
            every = c.get("sliding_window_pattern", c.get("_sliding_window_pattern", 6))
            types = types or ["sliding_attention" if (i + 1) % every else "full_attention" for i in range(self.layers)]
            full = rope.get("full_attention") or {**flat, "rope_theta": c.get("rope_theta", 1e6)}
            near = rope.get("sliding_attention") or {"rope_theta": c.get("rope_local_base_freq", 10000.0)}
            self.ropes = [self.frequencies(near if t == "sliding_attention" else full) for t in types]
        elif kind != "gpt2":
            self.ropes = [self.frequencies(flat)] * self.layers
        window = c.get("sliding_window")
        if kind == "mistral":
            types = ["sliding_attention"] * self.layers
        elif kind == "qwen2" and not c.get("use_sliding_window"):
            window = None
        self.windows = [window if types and types[i] == "sliding_attention" else None for i in range(self.layers)]
        self.scale = 1 / math.sqrt(c.get("query_pre_attn_scalar", 256) if kind == "gemma3_text" else self.width)
        self.epsilon = c.get("rms_norm_eps") or c.get("layer_norm_eps") or c.get("layer_norm_epsilon")
        act = c.get("hidden_activation") or c.get("activation_function") or c.get("hidden_act")
        self.act = {"silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu,
                    "gelu_new": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh}[act]
        self.tied = c.get("tie_word_embeddings", kind in ("gpt2", "gemma3_text"))
        self.factors = {}  # lora_A and lora_B of each linear map, by PEFT's names
        if adapter:
            self.read_adapter(adapter)

    def read_adapter(self, folder):
        """Hu et al. 2021: W x becomes W x + factor B A x."""
        c = read_json(os.path.join(folder, "adapter_config.json"))
        for key in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "lora_bias"):
            if c.get(key):
                sys.exit(f"{folder}: the plain computation does not know {key} of an adapter; install peft.")
        self.factor = c["lora_alpha"] / (math.sqrt(c["r"]) if c.get("use_rslora") else c["r"])
        for name, value in read_safetensors(os.path.join(folder, "adapter_model.safetensors")).items():
            if ".lora_A." in name or ".lora_B." in name:
                self.factors[name] = torch.nn.Parameter(value.to(torch.float32))

    def added(self, x, name):
        """What the adapter of a linear map adds to its output; 0 where it has none."""
        a, b = (self.factors.get(f"base_model.model.{name}.lora_{n}.weight") for n in "AB")
        return 0 if a is None else self.factor * ((x @ a.T) @ b.T)

    def frequencies(self, rope):
        """Turns a position, radians: Su et al. 2021; with Llama 3's slower turns for long waves."""
        half = np.arange(0, self.rotated, 2, dtype=np.float64) / self.rotated
        f = rope["rope_theta"] ** -half
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind == "linear":
            f = f / rope["factor"]
        elif kind == "llama3":
            length = rope["original_max_position_embeddings"]
            turns = length * f / (2 * math.pi)
            smooth = np.clip((turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"]), 0, 1)
            f = f * (smooth + (1 - smooth) / rope["factor"])
        elif kind != "default":
            sys.exit(f"the plain computation does not know rope_type {kind}")
        return torch.tensor(f)

    def w(self, name):
        return self.weights[name]

    def norm(self, x, name):
        if self.kind in ("gpt2", "gpt_neox"):
            return torch.nn.functional.layer_norm(x, x.shape[-1:], self.w(name + ".weight"), self.w(name + ".bias"), self.epsilon)
        unit = x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.epsilon)
        return unit * (1 + self.w(name + ".weight")) if self.kind == "gemma3_text" else unit * self.w(name + ".weight")

    def linear(self, x, name):
        weight = self.w(name + ".weight")
        y = x @ (weight if self.kind == "gpt2" else weight.T) + self.added(x, name)
        return y + self.w(name + ".bias") if name + ".bias" in self.weights else y

    def turn(self, x, positions, layer):
        """x: [rows, heads, tokens, width]; the two halves of the rotated part are the two coordinates."""
        angle = positions[:, None, :, None].double() * self.ropes[layer]
        cos, sin = angle.cos().float(), angle.sin().float()
        turned, rest = x[..., :self.rotated], x[..., self.rotated:]
        a, b = turned[..., :self.rotated // 2], turned[..., self.rotated // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def attention(self, x, layer, positions, seen):
        rows, tokens, _ = x.shape
        p = self.prefix(layer)
        if self.kind == "gpt2":
            q, k, v = self.linear(x, p + "attn.c_attn").split(self.hidden, -1)
        elif self.kind == "gpt_neox":  # head by head: query, key, value
            q, k, v = self.linear(x, p + "attention.query_key_value").view(rows, tokens, self.heads, 3, self.width).unbind(3)
        else:
            q, k, v = (self.linear(x, f"{p}self_attn.{n}_proj") for n in "qkv")
        q, k, v = (t.reshape(rows, tokens, -1, self.width).transpose(1, 2) for t in (q, k, v))
        if self.kind == "gemma3_text":
            q, k = self.norm(q, p + "self_attn.q_norm"), self.norm(k, p + "self_attn.k_norm")
        if self.kind != "gpt2":
            q, k = self.turn(q, positions, layer), self.turn(k, positions, layer)
        k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
        scores = q @ k.transpose(-1, -2) * self.scale
        place = torch.arange(tokens)
        hidden = place[None, :] > place[:, None]
        if self.windows[layer]:
            hidden = hidden | (place[:, None] - place[None, :] >= self.windows[layer])
        scores = scores.masked_fill(hidden[None, None] | ~seen[:, None, None, :], -1e30)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, tokens, -1)
        return self.linear(mixed, p + {"gpt2": "attn.c_proj", "gpt_neox": "attention.dense"}.get(self.kind, "self_attn.o_proj"))

    def mlp(self, x, layer):
        p = self.prefix(layer)
        if self.kind == "gpt2":
            return self.linear(self.act(self.linear(x, p + "mlp.c_fc")), p + "mlp.c_proj")
        if self.kind == "gpt_neox":
            return self.linear(self.act(self.linear(x, p + "mlp.dense_h_to_4h")), p + "mlp.dense_4h_to_h")
        return self.linear(self.act(self.linear(x, p + "mlp.gate_proj")) * self.linear(x, p + "mlp.up_proj"), p + "mlp.down_proj")

    def prefix(self, layer):
        return {"gpt2": "transformer.h", "gpt_neox": "gpt_neox.layers"}.get(self.kind, "model.layers") + f".{layer}."

    def logits(self, ids, mask=None):
        """ids [rows, tokens], mask 0 where a row begins with padding: [rows, tokens, vocabulary]."""
        mask = torch.ones_like(ids) if mask is None else mask
        positions = (mask.cumsum(-1) - 1).clamp_min(0)
        table = {"gpt2": "transformer.wte", "gpt_neox": "gpt_neox.embed_in"}.get(self.kind, "model.embed_tokens") + ".weight"
        x = self.w(table)[ids]
        pad = self.config.get("pad_token_id")
        if pad is not None and self.kind not in ("gpt2", "gpt_neox"):  # a padding token's row is no input's to train
            x = torch.where((ids == pad)[..., None], x.detach(), x)
        if self.kind == "gemma3_text":
            x = x * math.sqrt(self.hidden)
        if self.kind == "gpt2":
            x = x + self.w("transformer.wpe.weight")[positions]
        for layer in range(self.layers):
            p = self.prefix(layer)
            if self.kind == "gpt_neox":
                first = self.attention(self.norm(x, p + "input_layernorm"), layer, positions, mask.bool())
                x = x if self.config.get("use_parallel_residual", True) else x + first
                second = self.mlp(self.norm(x, p + "post_attention_layernorm"), layer)
                x = x + first + second if self.config.get("use_parallel_residual", True) else x + second
                continue
            one, two = ("ln_1", "ln_2") if self.kind == "gpt2" else ("input_layernorm", "post_attention_layernorm")
            attended = self.attention(self.norm(x, p + one), layer, positions, mask.bool())
            if self.kind == "gemma3_text":
                x = x + self.norm(attended, p + two)
                x = x + self.norm(self.mlp(self.norm(x, p + "pre_feedforward_layernorm"), layer), p + "post_feedforward_layernorm")
            else:
                x = x + attended
                x = x + self.mlp(self.norm(x, p + two), layer)
        x = self.norm(x, {"gpt2": "transformer.ln_f", "gpt_neox": "gpt_neox.final_layer_norm"}.get(self.kind, "model.norm"))
        head = table if self.tied else {"gpt_neox": "embed_out.weight"}.get(self.kind, "lm_head.weight")
        return x @ self.w(head).T + self.added(x, head[:-len(".weight")])

    def parameters(self):
        return self.factors or {k: v for k, v in self.weights.items() if not (self.tied and k in ("lm_head.weight", "embed_out.weight"))}


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


class Transformers:
    """The same by Hugging Face transformers: fp32, eager attention."""

    def __init__(self, folder, adapter=None):
        config = transformers.AutoConfig.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, config=config, torch_dtype=torch.float32, attn_implementation="eager").eval()
        self.config = read_json(os.path.join(folder, "config.json"))
        if adapter:
            self.model = peft.PeftModel.from_pretrained(self.model, adapter, is_trainable=True).eval()

    def logits(self, ids, mask=None):
        mask = torch.ones_like(ids) if mask is None else mask
        return self.model(input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp_min(0), use_cache=False).logits

    def parameters(self):
        # An adapter's factors are named as in its file, without the name that PEFT gives the adapter in memory.
        return {name.replace(".default.weight", ".weight"): p for name, p in self.model.named_parameters() if p.requires_grad}


def open_model(folder, plain, adapter=None):
    missing = "transformers" if transformers is None else "peft" if adapter and peft is None else None
    if not plain and missing:
        print(f"{missing} is not installed: the plain computation is taken.", file=sys.stderr)
    return (Plain if plain or missing else Transformers)(folder, adapter)


def loss_of(model, ids, labels):
    """Mean over scored labels; position t is scored on the label at t + 1, -100 on none."""
    logits = model.logits(ids)[:, :-1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)


ADAMW = {"lr": 0.003, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}


def golden_of(model, vocabulary, rows=3, tokens=24, seed=1, gradients=True, lr=None):
    """The tensors of golden.safetensors and the numbers of golden.json. Of an adapter: no gradients, and all factors after the steps."""
    random = np.random.RandomState(seed)
    ids = torch.tensor(random.randint(min(3, vocabulary - 1), vocabulary, (rows, tokens)))
    pads = min(5, tokens - 2)
    mask = torch.ones_like(ids)
    mask[1, :pads] = 0
    padded = ids.clone()
    padded[1, pads:], padded[1, :pads] = ids[1, :tokens - pads], model.config.get("pad_token_id") or 0
    labels = ids.clone()
    labels[:, :tokens // 4] = -100
    labels[0, -3:] = -100
    with torch.no_grad():
        out = {"input_ids": ids, "labels": labels, "padded_ids": padded, "padded_mask": mask, "logits": model.logits(ids),
               "padded_logits": model.logits(padded, mask)}
        row = ids[:1]
        for _ in range(16):
            row = torch.cat([row, model.logits(row)[:, -1:].argmax(-1)], 1)
        out["greedy"] = row[:, tokens:]
    if not gradients:
        return out, {}
    adamw = {**ADAMW, "lr": lr or ADAMW["lr"]}
    parameters = model.parameters()
    is_adapter = any(".lora_A." in k for k in parameters)
    optimizer = torch.optim.AdamW(parameters.values(), lr=adamw["lr"], betas=adamw["betas"], eps=adamw["eps"],
                                  weight_decay=adamw["weight_decay"])
    losses, norm = [], 0.0
    for step in range(4):
        optimizer.zero_grad()
        loss = loss_of(model, ids, labels)
        losses.append(loss.item())
        if step == 3:
            break
        loss.backward()
        if step == 0:
            if not is_adapter:
                out.update({f"grad.{k}": p.grad.clone() for k, p in parameters.items()})
            norm = math.sqrt(sum(p.grad.double().pow(2).sum().item() for p in parameters.values()))
        optimizer.step()
    moved = next((k for k in parameters if any(n in k for n in ("q_proj.weight", "c_attn.weight", "query_key_value.weight"))), None)
    out.update({f"after3.{k}": parameters[k] for k in (parameters if is_adapter else [moved])})
    return out, {"losses_before_steps_1_2_3_and_after_3": losses, "grad_norm_step_1": norm,
                 "adamw_on_adapter_only" if is_adapter else "adamw": adamw}


def make_model(folder, plain=False, base=None, **settings):
    """The golden files of a checkpoint, or, with the folder of its base model, of an adapter."""
    model = open_model(base, plain, folder) if base else open_model(folder, plain)
    vocabulary = model.config["vocab_size"]
    tensors, numbers = golden_of(model, vocabulary, **settings)
    write_safetensors(os.path.join(folder, "golden.safetensors"), tensors)
    write_json(os.path.join(folder, "golden.json"), {"made_by": made_by(model), **numbers})


def made_by(model):
    what = f"PyTorch {torch.__version__}, fp32, CPU"
    return f"transformers {transformers.__version__}, {what}" if isinstance(model, Transformers) else f"make_golden.py, {what}"


def compare(folder, base=None):
    """The plain computation against golden files: the largest difference of each kind, and what it is of. base: of an adapter."""
    golden, numbers = read_safetensors(os.path.join(folder, "golden.safetensors")), read_json(os.path.join(folder, "golden.json"))
    model, worst = Plain(base, folder) if base else Plain(folder), {}

    def near(kind, expected, actual):
        largest = expected.abs().max().item()
        worst[kind] = max(worst.get(kind, 0.0), (expected - actual).abs().max().item() / max(largest, 1e-30))

    with torch.no_grad():
        near("logits", golden["logits"], model.logits(golden["input_ids"]))
        if "padded_logits" in golden:
            real = golden["padded_mask"][..., None]
            near("padded logits", golden["padded_logits"] * real, model.logits(golden["padded_ids"], golden["padded_mask"]) * real)
        if "greedy" in golden:
            row = golden["input_ids"][:1]
            for token in golden["greedy"][0]:
                next_token = model.logits(row)[:, -1:].argmax(-1)
                worst["greedy tokens that differ"] = worst.get("greedy tokens that differ", 0) + int(next_token[0, 0] != token)
                row = torch.cat([row, next_token], 1)
    a, parameters = numbers.get("adamw_on_adapter_only" if base else "adamw"), model.parameters()
    if a:
        optimizer = torch.optim.AdamW(parameters.values(), lr=a["lr"], betas=a["betas"], eps=a["eps"], weight_decay=a["weight_decay"])
        for step, expected in enumerate(numbers["losses_before_steps_1_2_3_and_after_3"]):
            optimizer.zero_grad()
            loss = loss_of(model, golden["input_ids"], golden["labels"])
            near("losses", torch.tensor(expected), loss.detach())
            loss.backward()
            if step == 0:
                head = parameters.get("embed_out.weight")  # in memory transformers 5 calls every head lm_head
                for name in (n for n in golden if n.startswith("grad.")):
                    near("gradients", golden[name], parameters.get(name[5:], head).grad)
            if step < 3:
                optimizer.step()
        for name in (n for n in golden if n.startswith("after3.")):
            near("weights after 3 steps", golden[name], parameters[name[7:]].detach())
    for kind, value in worst.items():
        print(f"{folder}: {kind}: {value:.2g}{'' if 'greedy' in kind else ' of the largest'}")
    return all(v < 1e-4 for v in worst.values())


# --- Tokenizers ------------------------------------------------------------------------------------------------------------------

def byte_alphabet():
    """The character of each byte in byte-level vocabularies (Radford et al. 2019): itself where it can be seen, else one from U+0100."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in seen]
    return {**{b: chr(b) for b in seen}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


BYTES = byte_alphabet()
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class PlainTokenizer:
    """A tokenizer.json, step by step; what is not known here ends the program."""

    def __init__(self, folder):
        self.json = read_json(os.path.join(folder, "tokenizer.json"))
        model = self.model = self.json["model"]
        self.vocabulary = dict(model["vocab"])
        self.ranks = {}
        for merge in model.get("merges", []):
            self.ranks[tuple(merge.split(" ") if isinstance(merge, str) else merge)] = len(self.ranks)
        added = self.json.get("added_tokens") or []
        for token in added:
            if token["lstrip"] or token["rstrip"] or token["single_word"]:
                sys.exit(f"{folder}: the added token {token['content']} has flags that the plain tokenizer does not know.")
        self.added = {t["content"]: t["id"] for t in added}
        self.names = {**{v: k for k, v in self.vocabulary.items()}, **{v: k for k, v in self.added.items()}}
        self.raw = [t["content"] for t in added if not t["normalized"]]
        self.late = {self.normalise(t["content"], self.json.get("normalizer")): t["content"] for t in added if t["normalized"]}

    def normalise(self, text, part):
        kind = part and part["type"]
        if kind is None:
            return text
        if kind == "Sequence":
            for inner in part["normalizers"]:
                text = self.normalise(text, inner)
            return text
        if kind in ("NFC", "NFD", "NFKC", "NFKD"):
            return unicodedata.normalize(kind, text)
        if kind == "Lowercase":
            return text.lower()
        if kind == "Prepend":
            return part["prepend"] + text if text else text
        if kind == "Replace" and "String" in part["pattern"]:
            return text.replace(part["pattern"]["String"], part["content"])
        sys.exit(f"the plain tokenizer does not know the normalizer {kind}")

    def cut(self, pieces, part, first):
        import regex
        kind = part and part["type"]
        if kind is None:
            return pieces
        if kind == "Sequence":
            for inner in part["pretokenizers"]:
                pieces = self.cut(pieces, inner, first)
            return pieces
        if kind == "ByteLevel":
            if part["add_prefix_space"]:
                pieces = [p if p.startswith(" ") else " " + p for p in pieces]
            if part.get("use_regex", True):
                pieces = [m for p in pieces for m in regex.findall(GPT2, p)]
            return ["".join(BYTES[b] for b in p.encode()) for p in pieces]
        if kind == "Metaspace" and not part.get("split", True):
            mark, scheme = part["replacement"], part["prepend_scheme"]
            pieces = [p.replace(" ", mark) for p in pieces]
            return [mark + p if (scheme == "always" or scheme == "first" and first and i == 0) and not p.startswith(mark) else p
                    for i, p in enumerate(pieces)]
        if kind == "Split" and not part["invert"]:
            pattern = part["pattern"]
            expression = pattern["Regex"] if "Regex" in pattern else regex.escape(pattern["String"])
            return [q for p in pieces for q in split(p, regex.compile(expression), part["behavior"])]
        sys.exit(f"the plain tokenizer does not know the pre-tokenizer {kind} in this form")

    def merge(self, piece):
        model = self.model
        if model.get("type") == "WordLevel":
            return [self.vocabulary.get(piece, self.vocabulary[model["unk_token"]])]
        if model.get("ignore_merges") and piece in self.vocabulary:
            return [self.vocabulary[piece]]
        symbols = []
        for character in piece:
            codes = [f"<0x{b:02X}>" for b in character.encode()]
            if character in self.vocabulary:
                symbols.append(character)
            elif model.get("byte_fallback") and all(c in self.vocabulary for c in codes):
                symbols += codes
            elif model.get("unk_token") and not (model.get("fuse_unk") and symbols and symbols[-1] == model["unk_token"]):
                symbols.append(model["unk_token"])
        while True:
            ranked = [(self.ranks[p], i) for i, p in enumerate(zip(symbols, symbols[1:])) if p in self.ranks]
            if not ranked:
                return [self.vocabulary[s] for s in symbols]
            _, i = min(ranked)
            symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]

    def encode(self, text, special=True):
        ids, first = [], True
        for part, token in found(text, {t: t for t in self.raw}):
            if token is not None:
                ids.append(self.added[token])
            elif part:
                for inner, late in found(self.normalise(part, self.json.get("normalizer")), self.late):
                    if late is not None:
                        ids.append(self.added[late])
                    elif inner:
                        for piece in self.cut([inner], self.json.get("pre_tokenizer"), first):
                            ids += self.merge(piece)
                    first = False
            first = False
        return self.around(ids, self.json.get("post_processor")) if special else ids

    def around(self, ids, part):
        kind = part and part["type"]
        if kind in (None, "ByteLevel"):
            return ids
        if kind != "TemplateProcessing":
            sys.exit(f"the plain tokenizer does not know the post-processor {kind}")
        out = []
        for item in part["single"]:
            out += ids if "Sequence" in item else part["special_tokens"][item["SpecialToken"]["id"]]["ids"]
        return out

    def decode(self, ids):
        decoder = self.json.get("decoder")
        tokens = [self.names[i] for i in ids]
        return "".join(self.undo(tokens, decoder)) if decoder else " ".join(tokens)

    def undo(self, tokens, part):
        kind = part["type"]
        if kind == "Sequence":
            for inner in part["decoders"]:
                tokens = self.undo(tokens, inner)
            return tokens
        if kind == "ByteLevel":
            back = {v: k for k, v in BYTES.items()}
            parts = (bytes(back[c] for c in t) if all(c in back for c in t) else t.encode() for t in tokens)
            return [b"".join(parts).decode(errors="replace")]
        if kind == "Replace" and "String" in part["pattern"]:
            return [t.replace(part["pattern"]["String"], part["content"]) for t in tokens]
        if kind == "Fuse":
            return ["".join(tokens)]
        if kind == "Strip":
            for _ in range(part["start"]):
                tokens = [t[1:] if t.startswith(part["content"]) else t for t in tokens]
            for _ in range(part["stop"]):
                tokens = [t[:-1] if t.endswith(part["content"]) else t for t in tokens]
            return tokens
        if kind == "ByteFallback":
            out, run = [], []
            for t in [*tokens, None]:
                if t is not None and len(t) == 6 and t.startswith("<0x") and t.endswith(">"):
                    run.append(int(t[3:5], 16))
                    continue
                if run:
                    try:
                        out.append(bytes(run).decode())
                    except UnicodeDecodeError:
                        out += ["\uFFFD"] * len(run)
                    run = []
                if t is not None:
                    out.append(t)
            return out
        sys.exit(f"the plain tokenizer does not know the decoder {kind}")


def found(text, tokens):
    """The parts of a text between tokens, and the tokens: at each place the longest."""
    import re
    if not tokens or not text:
        return [(text, None)]
    expression = "|".join(re.escape(t) for t in sorted(tokens, key=len, reverse=True))
    parts, done = [], 0
    for match in re.finditer(expression, text):
        parts += [(text[done:match.start()], None), (match.group(), tokens[match.group()])]
        done = match.end()
    return [*parts, (text[done:], None)]


def split(text, expression, behavior):
    pieces, done, before = [], 0, ""
    for match in expression.finditer(text):
        if match.start() > done:
            pieces.append(text[done:match.start()])
        if behavior == "Isolated":
            pieces.append(match.group())
        elif behavior == "MergedWithPrevious":
            if match.start() > done:
                pieces[-1] += match.group()
            else:
                pieces.append(match.group())
        elif behavior != "Removed":
            sys.exit(f"the plain tokenizer does not know the behavior {behavior}")
        done = match.end()
    return [p for p in [*pieces, text[done:]] if p]


class HuggingFaceTokenizer:
    """The same by Hugging Face tokenizers."""

    def __init__(self, folder):
        self.inner = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))

    def encode(self, text, special=True):
        return self.inner.encode(text, add_special_tokens=special).ids

    def decode(self, ids):
        return self.inner.decode(ids, skip_special_tokens=False)


def open_tokenizer(folder, plain):
    if not plain and tokenizers is None:
        print("tokenizers is not installed: the plain tokenizer is taken.", file=sys.stderr)
    return PlainTokenizer(folder) if plain or tokenizers is None else HuggingFaceTokenizer(folder)


TEXTS = [
    "", " ", "  ", "   a", "a ", "\n", "\n\n", "a\nb", "a \n b", "\t\ta", "\r\n", "Where is Oslo located?", " Where is Oslo located?",
    "Q: Which country is Oslo located in?\nA: Norway\nQ: Which country is Lund located in?\nA:",
    "Q: Which country is Oslo located in?\nA: Norway\n", "Who is the author of The Red Room?", "it's we'll they've I'D don't",
    "1", "12", "123", "1234567", "3.14", "1,000", "a1b2", "\u00c5lesund", "A\u030alesund", "S\u00e3o Tom\u00e9", "\u0141\u00f3d\u017a",
    "\u041c\u043e\u0441\u043a\u0432\u0430", "\u5317\u4eac\u5e02", "\u0627\u0644\u0642\u0627\u0647\u0631\u0629",
    "\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd", "\u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e", "\uc11c\uc6b8",
    "\U0001f600", "a\U0001f600b", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u00a0a", "\u2003a", "e\u0301\u0302", "\u0000",
    "\u0007a", "\ufeffa", "\ufffd", "\u2019s", "\u201cquoted\u201d", "a\u2014b", "...", "?!", "a.b.c", "foo_bar", "<s>", "a<s>b", "</s>",
    "<unk>", "<|begin|>", "a<|end|> b", "<|begin", "<0x0A>", "\u2581", "\u2581a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "   Norway   ",
    "the the the", "NORWAY", "Norway.", "(Norway)", "Norway\u0301",
]


def make_tokenizer(folder, plain=False):
    tokenizer = open_tokenizer(folder, plain)
    with open(os.path.join(folder, "golden.jsonl"), "w", encoding="utf-8") as file:
        for text in TEXTS:
            ids = tokenizer.encode(text, special=False)
            line = {"text": text, "ids": tokenizer.encode(text), "ids_plain": ids, "decoded": tokenizer.decode(ids)}
            file.write(json.dumps(line, ensure_ascii=True) + "\n")


def compare_tokenizer(folder):
    """The plain tokenizer against golden lines that are there."""
    tokenizer, wrong, lines = PlainTokenizer(folder), 0, 0
    for line in open(os.path.join(folder, "golden.jsonl"), encoding="utf-8"):
        golden, lines = json.loads(line), lines + 1
        mine = (tokenizer.encode(golden["text"]), tokenizer.encode(golden["text"], special=False), tokenizer.decode(golden["ids_plain"]))
        if mine != (golden["ids"], golden["ids_plain"], golden["decoded"]):
            wrong += 1
            if wrong <= 3:
                print(f"{folder}: line {lines}: {golden} gives {mine}")
    print(f"{folder}: {wrong} of {lines} lines differ")
    return wrong == 0


# --- SliCK -----------------------------------------------------------------------------------------------------------------------

def prompt_of(exemplars, question):
    return "".join(f"Q: {q}\nA: {a}\n" for q, a in exemplars) + f"Q: {question}\nA:"


def answer_of(tokenizer, ids):
    return tokenizer.decode(ids).split("\n")[0].strip()


class Annotator:
    """SliCK's two estimates of one question behind one prompt (Gekhman et al. 2024, section 3)."""

    def __init__(self, model, tokenizer, protocol, eos, vocabulary):
        self.model, self.tokenizer, self.protocol, self.eos = model, tokenizer, protocol, set(eos)
        self.ends = torch.zeros(vocabulary, dtype=torch.bool)  # tokens that end an answer
        for i in range(vocabulary):
            try:
                self.ends[i] = i in self.eos or tokenizer.decode([i]).startswith("\n")
            except KeyError:  # an embedding that no token has
                pass

    def drawn_from(self, logits):
        """Probabilities of a draw at the protocol's temperature among its most probable tokens."""
        top = logits.topk(min(self.protocol["top_k"], logits.shape[-1]), -1)
        return torch.zeros_like(logits).scatter(-1, top.indices, (top.values / self.protocol["temperature"]).softmax(-1))

    def probability(self, prompt, answer):
        """The chance that one sample is the answer followed by an end, by teacher forcing."""
        before, whole = self.tokenizer.encode(prompt), self.tokenizer.encode(f"{prompt} {answer}")
        if whole[:len(before)] != before:
            sys.exit(f"The answer '{answer}' changes how its prompt is encoded: such a question is not annotated here.")
        added, most = whole[len(before):], self.protocol["max_new_tokens"]
        if len(added) > most:
            return 0.0
        q = self.drawn_from(self.model.logits(torch.tensor([whole]))[0, len(before) - 1:])
        p = math.prod(q[i, token].item() for i, token in enumerate(added))
        return p if len(added) == most else p * q[len(added), self.ends].sum().item()

    def answers(self, prompt, samples, generator):
        """Drawn answers, or the greedy one where samples is 0; without a cache, all rows together."""
        before = self.tokenizer.encode(prompt)
        rows = torch.tensor([before] * max(samples, 1))
        ended = torch.zeros(len(rows), dtype=torch.bool)
        for _ in range(self.protocol["max_new_tokens"]):
            logits = self.model.logits(rows)[:, -1]
            tokens = torch.multinomial(self.drawn_from(logits), 1, generator=generator) if samples else logits.argmax(-1, keepdim=True)
            rows = torch.cat([rows, tokens], 1)
            ended |= self.ends[tokens[:, 0]]
            if ended.all():
                break
        out = []
        for row in rows[:, len(before):].tolist():
            end = next((i for i, t in enumerate(row) if self.ends[t]), len(row))
            out.append(answer_of(self.tokenizer, row[:end]))
        return out


def category_of(greedy, sampled):
    if all(greedy):
        return "HighlyKnown"
    return "MaybeKnown" if any(greedy) else "WeaklyKnown" if any(sampled) else "Unknown"


def eos_of(folder, tokenizer):
    for name in ("generation_config.json", "config.json"):
        path = os.path.join(folder, name)
        ids = read_json(path).get("eos_token_id") if os.path.exists(path) else None
        if ids is not None:
            return ids if isinstance(ids, list) else [ids]
    return []


def make_annotation(folder, questions, out, plain=False, seed=1):
    """questions: the annotation's file with protocol, exemplars and for each question its text and answer alone."""
    source = read_json(questions)
    protocol, result = source["protocol"], {"made_by": "", "protocol": source["protocol"], "relations": {}}
    model, tokenizer = open_model(folder, plain), open_tokenizer(folder, plain)
    result["made_by"] = made_by(model)
    annotator = Annotator(model, tokenizer, protocol, eos_of(folder, tokenizer), model.config["vocab_size"])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, relation in source["relations"].items():
            rows = []
            for item in relation["questions"]:
                question, gold = item["question"], item["answer"]
                prompts = [prompt_of(e, question) for e in relation["exemplars"]]
                greedy = [annotator.answers(p, 0, generator)[0] for p in prompts]
                drawn = [annotator.answers(p, protocol["samples"], generator) for p in prompts]
                correct = [sum(a == gold for a in answers) for answers in drawn]
                rows.append({"question": question, "answer": gold, "greedy": greedy,
                             "p": [annotator.probability(p, gold) for p in prompts], "sampled_correct": correct,
                             "category": category_of([g == gold for g in greedy], correct)})
            result["relations"][name] = {"exemplars": relation["exemplars"], "questions": rows}
    write_lines(out, result)
    return result


def write_lines(path, annotation):
    """An annotation with a question a line."""
    def text(value):
        return json.dumps(value, ensure_ascii=False)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{{"made_by": {text(annotation["made_by"])},\n "protocol": {text(annotation["protocol"])},\n "relations": {{\n')
        parts = []
        for name, relation in annotation["relations"].items():
            exemplars = ",\n  ".join(text(e) for e in relation["exemplars"])
            rows = ",\n  ".join(text(q) for q in relation["questions"])
            parts.append(f'{text(name)}: {{"exemplars": [\n  {exemplars}],\n "questions": [\n  {rows}]}}')
        file.write(",\n".join(parts) + "}}\n")


def compare_annotation(folder, path, most=3):
    """The plain computation against the first questions of an annotation that is there."""
    source = read_json(path)
    model = Plain(folder)
    annotator = Annotator(model, PlainTokenizer(folder), source["protocol"], eos_of(folder, None), model.config["vocab_size"])
    worst, differ, asked = 0.0, 0, 0
    with torch.no_grad():
        for relation in source["relations"].values():
            for item in relation["questions"][:most]:
                for exemplars, p, greedy in zip(relation["exemplars"][:2], item["p"], item["greedy"]):
                    prompt = prompt_of(exemplars, item["question"])
                    worst = max(worst, abs(annotator.probability(prompt, item["answer"]) - p))
                    differ += annotator.answers(prompt, 0, None)[0] != greedy
                    asked += 1
    print(f"{path}: {asked} prompts: largest difference of p {worst:.2g}, {differ} greedy answers differ")
    return worst < 1e-3 and differ == 0


# --- The files of tests/data -----------------------------------------------------------------------------------------------------

HERE = os.path.dirname(os.path.abspath(__file__))
SUBJECTS = ["Ashford", "Brenmoor", "Calder", "Dunwick", "Elmsea", "Farholm", "Grenlow", "Hartby"]
RELATIONS = {"country": ("Which country is {} located in?", ["Norland", "New Sudmark", "Estria", "Old Vesland"]),
             "river": ("Which river flows through {}?", ["Alder", "Great Birk", "Cairn", "Dorn"])}
# How often the training texts give a subject the gold answer, and how often each of two rivals.
TOLD = [(1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.7, 0.3, 0.0), (0.55, 0.45, 0.0), (0.4, 0.6, 0.0), (0.3, 0.4, 0.3), (0.15, 0.85, 0.0),
        (0.0, 0.6, 0.4)]

BASE = {"vocab_size": 101, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.02, "torch_dtype": "float32"}
SMALL = {**BASE, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
         "max_position_embeddings": 64}
MODELS = {
    "llama-tied": {**SMALL, "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_key_value_heads": 2, "hidden_act": "silu",
                   "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True},
    "llama-untied": {**SMALL, "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_key_value_heads": 1, "head_dim": 8,
                     "hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False,
                     "rope_parameters": {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
                                         "high_freq_factor": 4.0, "original_max_position_embeddings": 16}},
    "mistral": {**SMALL, "model_type": "mistral", "architectures": ["MistralForCausalLM"], "num_key_value_heads": 2, "head_dim": 6,
                "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 5, "tie_word_embeddings": False},
    "qwen2": {**SMALL, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "num_key_value_heads": 2, "hidden_act": "silu",
              "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "use_sliding_window": False, "tie_word_embeddings": True},
    "gemma3": {**SMALL, "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "num_key_value_heads": 1, "head_dim": 8,
               "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 12, "sliding_window": 4,
               "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": True, "rope_theta": 1000000.0,
               "rope_local_base_freq": 10000.0},
    "gpt2": {**BASE, "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64,
             "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True},
    "gpt-neox": {**SMALL, "model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "hidden_act": "gelu", "layer_norm_eps": 1e-5,
                 "rotary_pct": 0.5, "rotary_emb_base": 10000, "use_parallel_residual": True, "tie_word_embeddings": False},
}


def shapes_of(c):
    """Names and shapes of a family's parameters."""
    kind, v = c["model_type"], c["vocab_size"]
    if kind == "gpt2":
        d, out = c["n_embd"], {"transformer.wte.weight": (v, c["n_embd"]), "transformer.wpe.weight": (c["n_positions"], c["n_embd"])}
        for i in range(c["n_layer"]):
            p = f"transformer.h.{i}."
            out.update({p + "ln_1.weight": (d,), p + "ln_1.bias": (d,), p + "attn.c_attn.weight": (d, 3 * d),
                        p + "attn.c_attn.bias": (3 * d,),
                        p + "attn.c_proj.weight": (d, d), p + "attn.c_proj.bias": (d,), p + "ln_2.weight": (d,), p + "ln_2.bias": (d,),
                        p + "mlp.c_fc.weight": (d, 4 * d), p + "mlp.c_fc.bias": (4 * d,), p + "mlp.c_proj.weight": (4 * d, d),
                        p + "mlp.c_proj.bias": (d,)})
        return {**out, "transformer.ln_f.weight": (d,), "transformer.ln_f.bias": (d,)}
    d, inner, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
    if kind == "gpt_neox":
        out = {"gpt_neox.embed_in.weight": (v, d), "embed_out.weight": (v, d)}
        for i in range(c["num_hidden_layers"]):
            p = f"gpt_neox.layers.{i}."
            for norm in ("input_layernorm", "post_attention_layernorm"):
                out.update({p + norm + ".weight": (d,), p + norm + ".bias": (d,)})
            for name, rows, columns in (("attention.query_key_value", 3 * d, d), ("attention.dense", d, d),
                                        ("mlp.dense_h_to_4h", inner, d), ("mlp.dense_4h_to_h", d, inner)):
                out.update({p + name + ".weight": (rows, columns), p + name + ".bias": (rows,)})
        return {**out, "gpt_neox.final_layer_norm.weight": (d,), "gpt_neox.final_layer_norm.bias": (d,)}
    width, kv = c.get("head_dim") or d // heads, c["num_key_value_heads"]
    out = {"model.embed_tokens.weight": (v, d)}
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        norms = ["input_layernorm", "post_attention_layernorm"]
        if kind == "gemma3_text":
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
            out.update({p + "self_attn.q_norm.weight": (width,), p + "self_attn.k_norm.weight": (width,)})
        out.update({p + n + ".weight": (d,) for n in norms})
        for name, rows in (("q_proj", heads * width), ("k_proj", kv * width), ("v_proj", kv * width)):
            out[p + f"self_attn.{name}.weight"] = (rows, d)
            if kind == "qwen2":
                out[p + f"self_attn.{name}.bias"] = (rows,)
        out.update({p + "self_attn.o_proj.weight": (d, heads * width), p + "mlp.gate_proj.weight": (inner, d),
                    p + "mlp.up_proj.weight": (inner, d), p + "mlp.down_proj.weight": (d, inner)})
    out["model.norm.weight"] = (d,)
    return out if c.get("tie_word_embeddings") else {**out, "lm_head.weight": (v, d)}


def random_weights(config, seed, scale=1.0):
    """Far larger than fresh weights are, so that a mistake shows."""
    random, out = np.random.RandomState(seed), {}
    for name, shape in sorted(shapes_of(config).items()):
        values = random.standard_normal(shape)
        if "norm" in name or ".ln_" in name:
            values = 0.3 * values + (0 if name.endswith("bias") or config["model_type"] == "gemma3_text" else 1)
        elif len(shape) == 1 or "embed" in name or "wte" in name or "wpe" in name or "lm_head" in name:
            values = 0.5 * values
        else:
            values = values * 1.2 / math.sqrt(shape[0] if config["model_type"] == "gpt2" else shape[1])
        out[name] = torch.tensor(values * (scale if len(shape) > 1 else 1.0), dtype=torch.float32)
    return out


def write_model(folder, config, weights):
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "config.json"), config)
    write_safetensors(os.path.join(folder, "model.safetensors"), weights)


def write_adapter(folder, base, targets, rank, alpha, rslora, seed):
    """An adapter of the base model's linear maps whose names end with one of the targets, its factors all drawn. The output layer's
    base weights stand beside its factors, as PEFT writes them."""
    os.makedirs(folder, exist_ok=True)
    random, weights, out = np.random.RandomState(seed), read_weights(base), {}
    for name, w in weights.items():
        module = name[:-len(".weight")]
        if module.split(".")[-1] not in targets:
            continue
        for letter, shape in (("A", (rank, w.shape[1])), ("B", (w.shape[0], rank))):
            out[f"base_model.model.{module}.lora_{letter}.weight"] = torch.tensor(
                0.5 * random.standard_normal(shape) / math.sqrt(shape[1]), dtype=torch.float32)
        if module == "lm_head":
            out["base_model.model.lm_head.base_layer.weight"] = w
    write_safetensors(os.path.join(folder, "adapter_model.safetensors"), out)
    write_json(os.path.join(folder, "adapter_config.json"), {
        "base_model_name_or_path": os.path.relpath(base, folder).replace(os.sep, "/"), "bias": "none", "fan_in_fan_out": False,
        "inference_mode": True, "init_lora_weights": True, "lora_alpha": alpha, "lora_dropout": 0.0, "modules_to_save": None,
        "peft_type": "LORA", "r": rank, "target_modules": targets, "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": rslora})


def make_adapters():
    base, folder = os.path.join(HERE, "models", "llama-untied"), os.path.join(HERE, "adapters", "llama-untied")
    write_adapter(folder, base, ["q_proj", "v_proj", "up_proj", "down_proj", "lm_head"], rank=3, alpha=5, rslora=True, seed=21)
    make_model(folder, plain=True, base=base, rows=2, tokens=16)


def word_level(words):
    """A tokenizer of whole words, as the lab's: one token a word, a line feed a token of its own."""
    vocabulary = {w: i for i, w in enumerate(["<pad>", "<s>", "</s>", "<unk>", "\n", *sorted(words)])}
    special = [{"id": i, "content": w, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
               for w, i in list(vocabulary.items())[:4]]

    def cut(pattern, behavior):
        return {"type": "Split", "pattern": {"String": pattern}, "behavior": behavior, "invert": False}
    return tokenizer_json(special, None, {"type": "Sequence", "pretokenizers": [cut("\n", "Isolated"), cut(" ", "Removed")]}, template(1),
                          None, {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"})


def template(bos, name="<s>"):
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": name, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": name, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [bos], "tokens": [name]}}}


def tokenizer_json(added, normalizer, pre, post, decoder, model):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": post, "decoder": decoder, "model": model}


def special_tokens(names):
    return [{"id": i, "content": n, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
            for i, n in enumerate(names)]


def trained(vocabulary, pieces, merges):
    """Byte-pair encoding: the most frequent pair of neighbours becomes a token, again and again; of equals the first by its text."""
    words, found_merges = [list(p) for p in pieces], []
    for _ in range(merges):
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        pair = min(counts, key=lambda p: (-counts[p], p))
        vocabulary.setdefault("".join(pair), len(vocabulary))
        found_merges.append(list(pair))
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == pair:
                    word[i:i + 2] = ["".join(pair)]
                i += 1
    return found_merges


def corpus():
    return [f"Q: {form.format(s)}\nA: {o}\n" for form, objects in RELATIONS.values() for s in SUBJECTS for o in objects]


def make_tokenizers():
    expression = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    pre = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    names = ["<|begin|>", "<|end|>"]
    vocabulary = {n: i for i, n in enumerate(names)}
    for b in range(256):
        vocabulary[BYTES[b]] = len(vocabulary)
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": []}
    whole = tokenizer_json(special_tokens(names), {"type": "NFC"}, pre, template(0, names[0]), byte_level, model)
    folder = os.path.join(HERE, "tokenizers", "byte-level")
    save_tokenizer(folder, whole, {"bos_token": names[0], "eos_token": names[1]})
    pieces = [p for text in corpus() for p in PlainTokenizer(folder).cut([text], pre, True)]
    model["merges"] = trained(vocabulary, pieces, 90)
    save_tokenizer(folder, whole, {"bos_token": names[0], "eos_token": names[1]})
    make_tokenizer(folder, plain=True)

    names = ["<unk>", "<s>", "</s>"]
    vocabulary = {n: i for i, n in enumerate([*names, *(f"<0x{b:02X}>" for b in range(256))])}
    pieces = ["\u2581" + text.replace(" ", "\u2581") for text in corpus()]
    for character in sorted(set("".join(pieces)) - {"\n"}):
        vocabulary[character] = len(vocabulary)
    merges = trained(vocabulary, [w for p in pieces for w in split_words(p)], 80)
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocabulary, "merges": merges}
    decoder = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                                                {"type": "ByteFallback"}, {"type": "Fuse"},
                                                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    folder = os.path.join(HERE, "tokenizers", "byte-fallback")
    save_tokenizer(folder, tokenizer_json(special_tokens(names), None, {
        "type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}, template(1), decoder, model),
        {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True, "add_eos_token": False})
    make_tokenizer(folder, plain=True)

    folder = os.path.join(HERE, "tokenizers", "word-level")
    save_tokenizer(folder, word_level(set(" ".join(corpus()).replace("\n", " ").split())), {"bos_token": "<s>", "eos_token": "</s>"})
    make_tokenizer(folder, plain=True)


def split_words(piece):
    """Words with the mark before them; a line feed is no part of a token."""
    return [w for line in piece.split("\n") for w in ("\u2581" + x for x in line.split("\u2581")[1:]) if line]


def save_tokenizer(folder, whole, config):
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "tokenizer.json"), whole)
    write_json(os.path.join(folder, "tokenizer_config.json"), {**config, "tokenizer_class": "PreTrainedTokenizerFast"})


def make_annotated():
    """A model that was trained on the spot on questions with certain, doubtful and wrong answers, and its annotation."""
    folder = os.path.join(HERE, "annotation")
    save_tokenizer(folder, word_level(set(" ".join(corpus()).replace("\n", " ").split())), {"bos_token": "<s>", "eos_token": "</s>"})
    tokenizer = PlainTokenizer(folder)
    config = {**SMALL, "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 24, "intermediate_size": 32,
              "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "tie_word_embeddings": True, "max_position_embeddings": 128, "vocab_size": len(tokenizer.vocabulary)}
    write_model(folder, config, random_weights(config, 11, scale=0.2))
    model, random = Plain(folder), np.random.RandomState(12)
    optimizer = torch.optim.AdamW(model.weights.values(), lr=0.01, weight_decay=0.0)
    steps = 700
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - step / steps)
        rows = []
        for _ in range(16):
            form, objects = RELATIONS[["country", "river"][random.randint(2)]]
            text = ""
            for s in random.permutation(len(SUBJECTS))[:3]:
                gold = s % len(objects)
                told = objects[(gold + random.choice(3, p=TOLD[s])) % len(objects)]
                text += f"Q: {form.format(SUBJECTS[s])}\nA: {told}\n"
            rows.append(tokenizer.encode(text))
        longest = max(len(r) for r in rows)
        ids = torch.tensor([r + [0] * (longest - len(r)) for r in rows])
        labels = torch.tensor([r + [-100] * (longest - len(r)) for r in rows])
        optimizer.zero_grad()
        loss = loss_of(model, ids, labels)
        loss.backward()
        optimizer.step()
    print(f"annotation: loss {loss.item():.3f} after {steps} steps")
    write_model(folder, config, {k: v.detach() for k, v in model.weights.items()})
    protocol = {"shots": 2, "prompts": 3, "samples": 16, "temperature": 0.5, "top_k": 10, "max_new_tokens": 8}
    source = {"protocol": protocol, "relations": {}}
    for name, (form, objects) in RELATIONS.items():
        def item(s):
            return [form.format(SUBJECTS[s]), objects[s % len(objects)]]
        source["relations"][name] = {
            "exemplars": [[item((2 * j) % 8), item((2 * j + 1) % 8)] for j in range(3)],
            "questions": [{"question": item(s)[0], "answer": item(s)[1]} for s in range(len(SUBJECTS))]}
    write_json(os.path.join(folder, "questions.json"), source)
    result = make_annotation(folder, os.path.join(folder, "questions.json"), os.path.join(folder, "slick.json"), plain=True)
    counts = {}
    for relation in result["relations"].values():
        for row in relation["questions"]:
            counts[row["category"]] = counts.get(row["category"], 0) + 1
    print(f"annotation: {counts}")


def make_data():
    for seed, (name, config) in enumerate(MODELS.items()):
        folder = os.path.join(HERE, "models", name)
        write_model(folder, config, random_weights(config, seed))
        make_model(folder, plain=True, rows=2, tokens=16)
    make_adapters()
    make_tokenizers()
    make_annotated()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="take the computation of this script, also where transformers is installed")
    parser.add_argument("--no-gradients", action="store_true", help="model, adapter: no training steps, for a model too large to train")
    parser.add_argument("--lr", type=float, help="model, adapter: the learning rate of the three AdamW steps (0.003)")
    parser.add_argument("what", choices=["model", "adapter", "tokenizer", "annotation", "compare", "data"])
    parser.add_argument("paths", nargs="*")
    a = parser.parse_args()
    torch.manual_seed(1)
    expected = {"adapter": [2], "annotation": [3], "compare": [1, 2], "data": [0]}.get(a.what, [1])
    if len(a.paths) not in expected:
        parser.error(f"{a.what} takes {' or '.join(map(str, expected))} paths, {len(a.paths)} are given")
    if a.what == "model":
        make_model(a.paths[0], a.plain, gradients=not a.no_gradients, lr=a.lr)
    elif a.what == "adapter":
        make_model(a.paths[0], a.plain, base=a.paths[1], gradients=not a.no_gradients, lr=a.lr)
    elif a.what == "tokenizer":
        make_tokenizer(a.paths[0], a.plain)
    elif a.what == "annotation":
        make_annotation(*a.paths, plain=a.plain)
    elif a.what == "data":
        make_data()
    else:
        folder, ok = a.paths[0], True
        ok &= not os.path.exists(os.path.join(folder, "golden.json")) or "losses_of_steps_1_to_8_and_batch0_after" in read_json(
            os.path.join(folder, "golden.json")) or compare(*a.paths)
        ok &= not os.path.exists(os.path.join(folder, "golden.jsonl")) or compare_tokenizer(folder)
        ok &= not os.path.exists(os.path.join(folder, "slick.json")) or compare_annotation(folder, os.path.join(folder, "slick.json"))
        sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

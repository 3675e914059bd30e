"""PyTorch and transformers on the work of `Slick.Benchmarks annotate` and `train`, with the same weights.

The work is a file that `Slick.Benchmarks work FILE` writes: token ids, so that no tokenizer takes part.

  python3 peers.py generate --checkpoint DIR --work FILE [--device cpu|cuda] [--dtype fp32|bf16] [--batches 16,64,240]
  python3 peers.py train    --checkpoint DIR --work FILE [--device cpu|cuda] [--dtype fp32|bf16|autocast]
"""
import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM

PAD = 0  # masked everywhere


def finish(device):
    if device == "cuda":
        torch.cuda.synchronize()


def peak(device, dtype):
    """GFLOP/s of a large matrix product: the faster of two measurements of about 0.3 s."""
    size = 8192 if device == "cuda" else 1024
    a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))

    def seconds(times):
        finish(device)
        begun = time.perf_counter()
        for _ in range(times):
            a @ b.T
        finish(device)
        return time.perf_counter() - begun

    seconds(1)  # warm
    times = max(1, int(0.3 / seconds(1)))
    return 2 * size**3 * times / min(seconds(times), seconds(times)) / 1e9


def generate(model, work, args):
    """Question-prompts a second: the greedy answer, and the samples by num_return_sequences."""
    asked, ends = work["asked"], set(work["ends"])
    most = dict(max_new_tokens=work["longest"], eos_token_id=sorted(ends), pad_token_id=PAD)
    drawn = dict(do_sample=True, temperature=work["temperature"], top_k=work["top_k"], num_return_sequences=work["samples"])

    def is_right(answer, gold):
        end = next((i for i, token in enumerate(answer) if token in ends), len(answer))
        return answer[:end] == gold

    def answer(batch):
        longest = max(len(question["prompt"]) for question in batch)
        padding = [longest - len(question["prompt"]) for question in batch]
        ids = torch.tensor([[PAD] * n + question["prompt"] for n, question in zip(padding, batch)], device=args.device)
        mask = torch.tensor([[0] * n + [1] * (longest - n) for n in padding], device=args.device)
        greedy = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, **most)[:, longest:].tolist()
        samples = model.generate(input_ids=ids, attention_mask=mask, **drawn, **most)[:, longest:].tolist()
        golds = [question["gold"] for question in batch]
        return (sum(map(is_right, greedy, golds)),
                sum(is_right(row, golds[i // work["samples"]]) for i, row in enumerate(samples)))

    model.eval()
    with torch.inference_mode():
        for size in args.batches:
            answer(asked[:size])  # warm
            finish(args.device)
            begun, right = time.perf_counter(), [0, 0]
            for first in range(0, len(asked), size):
                right = [a + b for a, b in zip(right, answer(asked[first:first + size]))]
            finish(args.device)
            rate = len(asked) / (time.perf_counter() - begun)
            print(f"generate, {args.dtype}, {size} questions a batch: {rate:.2f} question-prompts/s"
                  f"  right: {right[0]} greedy, {right[1]} samples", flush=True)


def train(model, work, args):
    """Examples a second of plain training: right-padded rows, the loss at the answers' tokens, AdamW."""
    rows, size = work["taught"], work["examples_a_step"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0, **({"fused": True} if args.device == "cuda" else {}))
    model.train()

    def step(batch):
        longest = max(len(row["prompt"]) + len(row["target"]) for row in batch)
        ids, labels, mask = [], [], []
        for row in batch:
            length = len(row["prompt"]) + len(row["target"])
            ids.append(row["prompt"] + row["target"] + [PAD] * (longest - length))
            labels.append([-100] * len(row["prompt"]) + row["target"] + [-100] * (longest - length))
            mask.append([1] * length + [0] * (longest - length))
        ids, labels, mask = (torch.tensor(part, device=args.device) for part in (ids, labels, mask))
        with torch.autocast(args.device, torch.bfloat16, enabled=args.dtype == "autocast"):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def epoch():
        finish(args.device)
        begun = time.perf_counter()
        for first in range(0, len(rows), size):
            step(rows[first:first + size])
        finish(args.device)
        return time.perf_counter() - begun

    epoch()  # warm
    highest = peak(args.device, torch.float32 if args.dtype == "fp32" else torch.bfloat16)
    seconds = sorted(epoch() for _ in range(3))[1]
    tokens = sum(len(row["prompt"]) + len(row["target"]) - 1 for row in rows)
    rate = work["training_flop"] / seconds / 1e9
    print(f"train, {args.dtype}, {size} examples a step: {len(rows) / seconds:.2f} examples/s, {tokens / seconds:.0f} tokens/s, "
          f"{rate:.0f} GFLOP/s, {rate / highest:.0%} of a product's {highest:.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["generate", "train"])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["fp32", "bf16", "autocast"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=lambda text: [int(n) for n in text.split(",")], default=None)
    args = parser.parse_args()
    if args.task == "generate" and args.dtype == "autocast":
        parser.error("generate takes fp32 or bf16")
    args.batches = args.batches or ([16, 64, 240] if args.device == "cuda" else [2, 4])
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    with open(args.work, encoding="utf-8") as file:
        work = json.load(file)
    dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=dtype).to(args.device)
    (generate if args.task == "generate" else train)(model, work, args)


if __name__ == "__main__":
    main()

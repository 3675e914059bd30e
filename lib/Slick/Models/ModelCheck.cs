using System.Globalization;
using System.Text.Json;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A checkpoint against the golden files beside it (<c>golden.safetensors</c>, <c>golden.json</c>), made by another
/// program on the same weights. Compared is what is there: logits, left-padded logits, greedy tokens, last-token logits and
/// log-probabilities of prompts, gradients, and the losses and weights of AdamW steps.
/// </summary>
public static class ModelCheck
{
    // Of the reference's largest value.
    private const double Relative = 1e-4;

    /// <summary>Compares a folder, once for each form of its config that is there.</summary>
    /// <param name="folder">The checkpoint and its golden files.</param>
    /// <param name="compute">Device and number format.</param>
    /// <param name="steps">AdamW steps on batches to make, at most those of the file.</param>
    /// <param name="progress">Told what is compared.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="SlickException">A file is missing or damaged.</exception>
    public static IReadOnlyList<Comparison> Run(string folder, Compute compute, int steps, IProgressReport progress, CancellationToken cancellation)
    {
        if (!Directory.Exists(folder)) throw new SlickException($"{folder}: there is no such folder; name a checkpoint with golden files beside it.");
        if (!File.Exists(Path.Combine(folder, "golden.safetensors"))) throw new SlickException($"{folder}: there is no golden.safetensors to compare with; it holds logits that transformers computed (README, Annotate a model).");
        var results = new List<Comparison>();
        foreach (var config in (string[])["config.json", "config.v4.json"])
        {
            if (config != "config.json" && !File.Exists(Path.Combine(folder, config))) continue;
            var check = new Golden(folder, config, compute, progress);
            check.Run(steps, cancellation);
            results.AddRange(check.Results.Select(r => r with { What = $"{config}: {r.What}" }));
        }
        return results.Count > 0 ? results : throw new SlickException($"{folder}: golden.safetensors holds nothing that is known; see the README for its format.");
    }

    private sealed class Golden(string folder, string config, Compute compute, IProgressReport progress)
    {
        private readonly Safetensors file = Safetensors.Open(Path.Combine(folder, "golden.safetensors"));

        public List<Comparison> Results { get; } = [];

        public void Run(int steps, CancellationToken cancellation)
        {
            using var json = JsonPlace.Open(Path.Combine(folder, "golden.json"), "golden.json");
            var golden = new JsonPlace(Path.Combine(folder, "golden.json"), "", json.RootElement);
            var trains = !golden["adamw"].IsNothing && steps > 0;
            using var weights = Checkpoint.Load(folder, compute.Device, trains, compute.DType, config);
            using var decoder = new Decoder(weights);
            using (no_grad())
            using (NewDisposeScope())
            {
                Logits(decoder);
                Prompts(decoder);
            }
            if (!trains) return;
            using var optimizer = new AdamW(weights)
            {
                Beta1 = Real(golden["adamw"]["betas"].Items().First()),
                Beta2 = Real(golden["adamw"]["betas"].Items().Last()),
                Epsilon = Real(golden["adamw"]["eps"]),
                WeightDecay = Real(golden["adamw"]["weight_decay"]),
            };
            var rate = Real(golden["adamw"]["lr"]);
            if (Has("labels")) Steps(decoder, optimizer, rate, golden, steps, cancellation);
            if (Has("batch0.ids")) Batches(decoder, optimizer, rate, golden, steps, cancellation);
        }

        private bool Has(string name) => file.Names.Contains(name);

        private Tensor Read(string name) => file.Read(name).to(compute.Device);

        private Tensor Ids(string name) => Read(name).to(ScalarType.Int64);

        private static double Real(JsonPlace place) => place.Value.ValueKind == JsonValueKind.Number ? place.Value.GetDouble() : throw place.Wrong("expected is a number");

        private void Logits(Decoder decoder)
        {
            if (!Has("logits")) return;
            progress.Stage("logits");
            var ids = Ids("input_ids");
            Near("logits", Read("logits"), Of(decoder, ids, null));
            if (Has("padded_logits"))
            {
                var mask = Ids("padded_mask");
                var real = mask.unsqueeze(-1);
                Near("left-padded logits", Read("padded_logits") * real, Of(decoder, Ids("padded_ids"), mask.eq(Scalars.Of(0L)).sum(1)) * real);
            }
            if (!Has("greedy")) return;
            var expected = HostTransfer.Read<long>(Ids("greedy"));
            var drawn = new List<long>();
            var next = ids.narrow(0, 0, 1);
            KeyValues? past = null;
            while (drawn.Count < expected.Length)
            {
                var before = past;
                (var hidden, past) = decoder.Forward(next, past: before, keep: true);
                before?.Dispose();
                next = Decoder.Greedy(decoder.Logits(hidden.select(1, hidden.size(1) - 1))).unsqueeze(1);
                drawn.Add(HostTransfer.Read<long>(next)[0]);
            }
            past?.Dispose();
            Results.Add(new("greedy tokens that differ", expected.Zip(drawn).Count(p => p.First != p.Second), 0, FormattableString.Invariant($"{expected.Length} tokens")));
        }

        private static Tensor Of(Decoder decoder, Tensor ids, Tensor? padding) => decoder.Logits(decoder.Forward(ids, padding: padding).Hidden).to(ScalarType.Float32);

        private void Prompts(Decoder decoder)
        {
            for (var i = 0; Has(FormattableString.Invariant($"prompt{i}.ids")); i++)
            {
                progress.Stage(FormattableString.Invariant($"prompt {i + 1}"));
                var name = FormattableString.Invariant($"prompt{i}");
                var ids = Ids($"{name}.ids").view(1, -1);
                var logits = Of(decoder, ids, null);
                Near($"{name}: last logits", Read($"{name}.last_logits").view(-1), logits.select(1, ids.size(1) - 1).view(-1));
                var probabilities = logits.log_softmax(-1).narrow(1, 0, ids.size(1) - 1).gather(2, ids.narrow(1, 1, ids.size(1) - 1).unsqueeze(-1));
                Near($"{name}: log-probabilities", Read($"{name}.log_probability_of_each_token").view(-1), probabilities.view(-1));
            }
        }

        // Steps on one batch: gradients of the first, losses before each and after the last, weights at the end.
        private void Steps(Decoder decoder, AdamW optimizer, double rate, JsonPlace golden, int steps, CancellationToken cancellation)
        {
            double[] losses = [.. golden["losses_before_steps_1_2_3_and_after_3"].Items().Select(Real)];
            for (var step = 0; step < losses.Length; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var loss = Loss(decoder, Ids("input_ids"), Ids("labels"));
                Value(FormattableString.Invariant($"loss after {step} steps"), losses[step], loss, 1e-4);
                if (step == losses.Length - 1) break;
                if (step == steps) return;
                if (step == 0)
                {
                    using var noGrad = no_grad();
                    Value("norm of the gradient", Real(golden["grad_norm_step_1"]), AdamW.Norm(decoder.Weights.FlatGradient!), Relative * Real(golden["grad_norm_step_1"]));
                    foreach (var name in file.Names.Where(n => n.StartsWith("grad.", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
                        Near(name, Read(name), decoder.Weights.Gradient(Parameter(decoder, name)));
                }
                optimizer.Step(rate);
            }
            using var end = NewDisposeScope();
            foreach (var name in file.Names.Where(n => n.StartsWith("after3.", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
                Near(name, Read(name), decoder.Weights[Parameter(decoder, name)]);
        }

        // The parameter that a golden tensor is about: what stands behind the first point of its name.
        private string Parameter(Decoder decoder, string name)
        {
            var parameter = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            return decoder.Weights.Find(parameter) is not null ? parameter
                : throw new SlickException($"{Path.Combine(folder, "golden.safetensors")}: '{name}': the model has no parameter of that name.");
        }

        // A step on each batch in turn.
        private void Batches(Decoder decoder, AdamW optimizer, double rate, JsonPlace golden, int steps, CancellationToken cancellation)
        {
            double[] losses = [.. golden["losses_of_steps_1_to_8_and_batch0_after"].Items().Select(Real)];
            double[] norms = golden["gradient_norms"].IsNothing ? [] : [.. golden["gradient_norms"].Items().Select(Real)];
            var batches = Enumerable.Range(0, int.MaxValue).TakeWhile(i => Has(FormattableString.Invariant($"batch{i}.ids"))).Count();
            for (var step = 0; step < losses.Length && step < steps + (steps >= losses.Length - 1 ? 1 : 0); step++)
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Report("AdamW steps", step, losses.Length, "");
                using var scope = NewDisposeScope();
                var batch = FormattableString.Invariant($"batch{step % batches}");
                // Right padding: causal attention and the labels keep it out.
                var loss = Loss(decoder, Ids($"{batch}.ids"), Ids($"{batch}.labels"));
                var last = step == losses.Length - 1;
                Value(last ? "loss after the last step" : FormattableString.Invariant($"loss of step {step + 1}"), losses[step], loss, 1e-3);
                if (last) break;
                if (step < norms.Length)
                    using (no_grad())
                        Value(FormattableString.Invariant($"norm of the gradient, step {step + 1}"), norms[step], AdamW.Norm(decoder.Weights.FlatGradient!), 1e-3 * norms[step]);
                optimizer.Step(rate);
            }
        }

        private static Tensor Loss(Decoder decoder, Tensor ids, Tensor labels)
        {
            var length = ids.size(1) - 1;
            var logits = decoder.Logits(decoder.Forward(ids).Hidden.narrow(1, 0, length)).reshape(-1, decoder.Config.VocabularySize);
            var loss = nn.functional.cross_entropy(logits, labels.narrow(1, 1, length).reshape(-1), ignore_index: -100);
            loss.backward();
            return loss;
        }

        private void Near(string what, Tensor expected, Tensor actual)
        {
            if (!expected.shape.SequenceEqual(actual.shape))
                throw new SlickException($"{what}: the golden file has the shape [{string.Join(", ", expected.shape)}], the model gives [{string.Join(", ", actual.shape)}]; the two are not of one model.");
            (expected, actual) = (expected.to(ScalarType.Float32), actual.to(ScalarType.Float32));
            var largest = HostTransfer.Read<float>(expected.abs().max())[0];
            var apart = HostTransfer.Read<float>((expected - actual).abs().max())[0];
            Results.Add(new(what, apart, Relative * largest, string.Create(CultureInfo.InvariantCulture, $"largest value {largest:G4}")));
        }

        private void Value(string what, double expected, Tensor actual, double limit)
        {
            var value = HostTransfer.Read<float>(actual.detach().to(ScalarType.Float32))[0];
            Results.Add(new(what, Math.Abs(value - expected), limit, string.Create(CultureInfo.InvariantCulture, $"{value:G6}, reference {expected:G6}")));
        }
    }
}

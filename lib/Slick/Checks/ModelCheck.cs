using System.Globalization;
using System.Text.Json;
using Slick.Experiments;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Checks;

/// <summary>
/// Compares a checkpoint with the golden files beside it (<c>golden.safetensors</c>, <c>golden.json</c>), which another program made with
/// the same weights. What the files have is compared: logits, left-padded logits, greedy tokens, last-token logits and log-probabilities of
/// prompts, gradients, and the losses and weights of AdamW steps. The folder may hold a LoRA adapter. Then the base model with the adapter
/// is compared, the steps are on the adapter alone, and the merged model is compared with the unmerged one.
/// </summary>
/// <remarks>
/// Limits. In fp32 the largest difference is compared. In bf16 each rounding changes a number at random by up to 2^-8 of its value. After n
/// roundings the root mean square of the difference is about sqrt(n) 2^-8 of that of the values. A logit is the result of n = 13 L + 3
/// roundings: in each of the L layers two norms, the projections, rotation, attention weights, attention output, output projection,
/// activation, gate and two sums; then the embedding, the last norm and the head. The limit is twice that, because layers enlarge the
/// errors of their inputs. A gradient is the result of twice as many roundings. It also has the error of the probabilities with which it
/// begins; this error is that of the logits, and it is not relative. <c>slick check model DIR --dtype bf16</c> prints every difference
/// beside its limit.
/// </remarks>
public static class ModelCheck
{
    // fp32: the limit, relative to the reference's largest value.
    private const double Relative = 1e-4;
    // bf16 keeps 8 binary digits.
    private const double Unit = 1.0 / 256;

    /// <summary>Compares a folder. A folder with <c>config.v4.json</c> (the config as transformers 4 writes it) is compared once with each
    /// of its two configs.</summary>
    /// <param name="folder">The checkpoint or the adapter, with its golden files.</param>
    /// <param name="compute">Device and number format.</param>
    /// <param name="steps">Number of AdamW steps on batches to make, at most those of the file.</param>
    /// <param name="progress">Told each part of the comparison.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <param name="baseFolder">Folder of an adapter's base model. Null for the folder that base_model_name_or_path in the adapter's
    /// settings names; it is looked up from the adapter's folder, then from the working folder.</param>
    /// <returns>The compared numbers with their limits.</returns>
    /// <exception cref="SlickException">A file is missing or damaged, or an adapter's base model is not found.</exception>
    /// <exception cref="UsageException">A base model was named, but the folder holds no adapter.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static IReadOnlyList<Comparison> Run(string folder, Compute compute, int steps, IProgressReport progress,
        CancellationToken cancellation, string? baseFolder = null)
    {
        if (!Directory.Exists(folder)) throw new SlickException(
            $"{folder}: there is no such folder; name a checkpoint with golden files beside it.");
        foreach (var file in Directory.GetFiles(folder).Where(f => Path.GetExtension(f) is ".json" or ".safetensors")
            .Order(StringComparer.Ordinal))
            NotDownloaded.Refuse(file);
        var isAdapter = LoraAdapter.IsFolder(folder);
        if (!File.Exists(Path.Combine(folder, "golden.safetensors"))) throw new SlickException(
            $"{folder}: there is no golden.safetensors to compare with; 'python3 tests/data/make_golden.py "
            + (isAdapter ? $"adapter {folder} {baseFolder ?? "BASE"}' makes it where Python has PyTorch, transformers and PEFT"
                : $"model {folder}' makes it where Python has PyTorch and transformers")
            + ", and tests/data/README.md describes it.");
        var results = new List<Comparison>();
        if (isAdapter)
        {
            var adapted = new Golden(folder, BaseOf(folder, baseFolder), "config.json", compute, progress);
            adapted.Run(steps, cancellation);
            results.AddRange(adapted.Results);
        }
        else if (baseFolder is not null)
            throw new UsageException($"--base names an adapter's base model, and {folder} holds no adapter ({LoraConfig.FileName}).");
        foreach (var config in isAdapter ? [] : (string[])["config.json", "config.v4.json"])
        {
            if (config != "config.json" && !File.Exists(Path.Combine(folder, config))) continue;
            var check = new Golden(folder, folder, config, compute, progress);
            check.Run(steps, cancellation);
            results.AddRange(check.Results.Select(r => r with { What = $"{config}: {r.What}" }));
        }
        return results.Count > 0 ? results
            : throw new SlickException($"{folder}: golden.safetensors holds nothing that is known; tests/data/README.md describes it.");
    }

    private static string BaseOf(string folder, string? named)
    {
        if (named is not null) return named;
        var name = LoraConfig.Read(folder).BaseModel;
        string[] places = name.Length == 0 ? [] : [Path.Combine(folder, name), name];
        return places.FirstOrDefault(p => File.Exists(Path.Combine(p, "config.json")))
            ?? throw new SlickException($"{Path.Combine(folder, LoraConfig.FileName)}: base_model_name_or_path "
                + $"{(name.Length == 0 ? "is missing" : $"= {name} is no folder with a checkpoint")}; name the base model's folder by "
                + "--base.");
    }

    // model is the folder of the weights: the same as folder, except for an adapter.
    private sealed class Golden(string folder, string model, string config, Compute compute, IProgressReport progress)
    {
        private LoraAdapter? adapter;

        private readonly bool reduced = compute.DType != ScalarType.Float32;
        private double layers;     // L
        private long vocabulary;
        // bf16: limit of a logit's error, root mean square. An error that all logits of a position share is left out: it changes no
        // probability.
        private double logitError;

        private readonly Safetensors file = Safetensors.Open(Path.Combine(folder, "golden.safetensors"));

        public List<Comparison> Results { get; } = [];

        public void Run(int steps, CancellationToken cancellation)
        {
            using var json = JsonPlace.Open(Path.Combine(folder, "golden.json"), "golden.json");
            var golden = new JsonPlace(Path.Combine(folder, "golden.json"), "", json.RootElement);
            var settings = golden[LoraAdapter.IsFolder(folder) ? "adamw_on_adapter_only" : "adamw"];
            var trains = !settings.IsNothing && steps > 0;
            using var weights = Checkpoint.Load(model, compute.Device, trains && !LoraAdapter.IsFolder(folder), compute.DType, config);
            using var own = LoraAdapter.IsFolder(folder) ? LoraAdapter.Load(folder, weights, trains) : null;
            adapter = own;
            using var decoder = new Decoder(weights, adapter);
            layers = weights.Config.Layers;
            vocabulary = weights.Config.VocabularySize;
            using (no_grad())
            using (NewDisposeScope())
            {
                Logits(decoder);
                Prompts(decoder);
                if (adapter is not null && Has("input_ids")) Adapted(decoder, adapter);
            }
            if (!trains) return;
            using var optimizer = new AdamW(adapter?.Parameters ?? weights.Parameters!)
            {
                Beta1 = Real(settings["betas"].Items().First()),
                Beta2 = Real(settings["betas"].Items().Last()),
                Epsilon = Real(settings["eps"]),
                WeightDecay = Real(settings["weight_decay"]),
            };
            var rate = Real(settings["lr"]);
            if (Has("labels")) Steps(decoder, optimizer, rate, golden, steps, cancellation);
            if (Has("batch0.ids")) Batches(decoder, optimizer, rate, golden, steps, cancellation);
        }

        private bool Has(string name) => file.Names.Contains(name);

        private Tensor Read(string name) => file.Read(name).to(compute.Device);

        // Token ids. Labels may also be -100. A mask has 0 and 1.
        private Tensor Ids(string name)
        {
            var ids = Read(name).to(ScalarType.Int64);
            var least = name.EndsWith("labels", StringComparison.Ordinal) ? -100 : 0;
            if (ids.numel() > 0 && (HostTransfer.Read<long>(ids.min())[0] < least || HostTransfer.Read<long>(ids.max())[0] >= vocabulary))
                throw new SlickException(FormattableString.Invariant(
                    $"{Path.Combine(folder, "golden.safetensors")}: '{name}': an id is not among the model's {vocabulary} tokens."));
            return ids;
        }

        private static double Real(JsonPlace place) => place.Value.ValueKind == JsonValueKind.Number ? place.Value.GetDouble()
            : throw place.Wrong("expected is a number");

        // bf16: the limit of a logit, relative to all logits. Below: the limit of a gradient.
        private double LogitLimit => 2 * Math.Sqrt(13 * layers + 3) * Unit;
        // Two gradients that have nothing in common differ by about 1.4.
        private double GradientLimit => Math.Min(0.5, Math.Sqrt(2) * LogitLimit + logitError);
        private double NormLimit => GradientLimit * GradientLimit + Unit; // a random error is nearly at right angles to the gradient

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
                Near("left-padded logits", Read("padded_logits") * real,
                    Of(decoder, Ids("padded_ids"), mask.eq(Scalars.Of(0L)).sum(1)) * real);
            }
            if (!Has("greedy")) return;
            var expected = HostTransfer.Read<long>(Ids("greedy"));
            if (reduced)
            {
                Greedy(decoder, ids.narrow(0, 0, 1), expected);
                return;
            }
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
            Results.Add(new("greedy tokens that differ", expected.Zip(drawn).Count(p => p.First != p.Second), 0,
                FormattableString.Invariant($"{expected.Length} tokens")));
        }

        // Merged fp32 weights may change logits by the order of sums alone.
        private const double Merged = 1e-5;

        private void Adapted(Decoder decoder, LoraAdapter adapter)
        {
            progress.Stage("adapter");
            var ids = Ids("input_ids");
            var logits = Of(decoder, ids, null);
            using (var merged = adapter.Merge(decoder.Weights))
            using (var alone = new Decoder(merged))
            {
                var other = Of(alone, ids, null);
                if (reduced) Near("logits of the merged model", logits, other);
                else Results.Add(new("logits of the merged model", HostTransfer.Read<float>((logits - other).abs().max())[0],
                    Merged * Math.Max(1, HostTransfer.Read<float>(logits.abs().max())[0]), "against the unmerged one"));
            }
            using var fresh = new LoraAdapter(decoder.Weights, adapter.Config, seed: 1, trainable: false);
            using var begun = new Decoder(decoder.Weights, fresh);
            using var plain = new Decoder(decoder.Weights);
            var differs = Of(begun, ids, null).ne(Of(plain, ids, null)).sum();
            Results.Add(new("logits with B = 0 that are not the base model's", HostTransfer.Read<long>(differs)[0], 0));
        }

        // In bf16 a near tie may go either way, and all tokens after it change too. So the check measures how far each token of the
        // reference is below the largest logit.
        private void Greedy(Decoder decoder, Tensor start, long[] expected)
        {
            var all = cat([start, tensor(expected, ScalarType.Int64).to(compute.Device).view(1, -1)], 1);
            var logits = Of(decoder, all.narrow(1, 0, all.size(1) - 1), null).narrow(1, start.size(1) - 1, expected.Length)[0]; // [n, V]
            var behind = logits.amax([-1L]) - logits.gather(1, all.narrow(1, start.size(1), expected.Length).view(-1, 1)).select(1, 0);
            // The limit is four standard deviations of the difference of two logits.
            Results.Add(new("greedy tokens: logit below the largest", HostTransfer.Read<float>(behind.max())[0],
                4 * Math.Sqrt(2) * logitError, FormattableString.Invariant($"{expected.Length} tokens")));
        }

        private static Tensor Of(Decoder decoder, Tensor ids, Tensor? padding) =>
            decoder.Logits(decoder.Forward(ids, padding: padding).Hidden).to(ScalarType.Float32);

        private void Prompts(Decoder decoder)
        {
            for (var i = 0; Has(FormattableString.Invariant($"prompt{i}.ids")); i++)
            {
                progress.Stage(FormattableString.Invariant($"prompt {i + 1}"));
                var name = FormattableString.Invariant($"prompt{i}");
                var ids = Ids($"{name}.ids").view(1, -1);
                var logits = Of(decoder, ids, null);
                Near($"{name}: last logits", Read($"{name}.last_logits").view(-1), logits.select(1, ids.size(1) - 1).view(-1));
                var probabilities = logits.log_softmax(-1).narrow(1, 0, ids.size(1) - 1)
                    .gather(2, ids.narrow(1, 1, ids.size(1) - 1).unsqueeze(-1));
                var expected = Read($"{name}.log_probability_of_each_token").view(-1);
                Near($"{name}: log-probabilities", expected, probabilities.view(-1),
                    Math.Sqrt(2) * LogitLimit * Spread(logits) / Rms(expected));
            }
        }

        // Steps on one batch. Compared are the gradients of the first step, the losses before each step and after the last, and the weights
        // at the end.
        private void Steps(Decoder decoder, AdamW optimizer, double rate, JsonPlace golden, int steps, CancellationToken cancellation)
        {
            double[] losses = [.. golden["losses_before_steps_1_2_3_and_after_3"].Items().Select(Real)];
            var moved = Moved(decoder, rate);
            for (var step = 0; step < losses.Length; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var loss = Loss(decoder, Ids("input_ids"), Ids("labels"));
                Value(FormattableString.Invariant($"loss after {step} steps"), losses[step], loss,
                    LossLimit(1e-4, moved, losses[step] - losses[0]));
                if (step == losses.Length - 1) break;
                if (step == steps) return;
                if (step == 0)
                {
                    using var noGrad = no_grad();
                    if (!golden["grad_norm_step_1"].IsNothing)
                        Value("norm of the gradient", Real(golden["grad_norm_step_1"]), Trained(decoder).GradientNorm(),
                            (reduced ? NormLimit : Relative) * Real(golden["grad_norm_step_1"]));
                    foreach (var name in file.Names.Where(n => n.StartsWith("grad.", StringComparison.Ordinal))
                        .Order(StringComparer.Ordinal))
                        Near(name, Read(name), decoder.Weights.Gradient(Parameter(decoder, name)), GradientLimit);
                }
                optimizer.Step(rate);
            }
            using var end = NewDisposeScope();
            foreach (var name in file.Names.Where(n => n.StartsWith("after3.", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                var expected = Read(name);
                // Weights are rounded when they are loaded and after each step. A step is about as large as the learning rate, with the
                // gradient's error.
                Near(name, expected, Now(decoder, name),
                    losses.Length * Unit + (losses.Length - 1) * rate * GradientLimit / Rms(expected));
            }
        }

        // In bf16 weights are rounded after each step. This is the size of that rounding (at most half a unit) relative to a step (about
        // the learning rate).
        private double Moved(Decoder decoder, double rate)
        {
            using var noGrad = no_grad();
            return reduced ? Math.Min(1, Unit / 2 * Rms(adapter?.Flat ?? decoder.Weights.Flat) / rate) : 0;
        }

        // The limit of a loss: a mean of log-probabilities. In bf16 it is that of the difference of two logits, plus the part of the loss's
        // decrease that the rounding of the weights can add or take away.
        private double LossLimit(double single, double moved, double descent) => reduced
            ? Math.Sqrt(2) * logitError + moved * Math.Abs(descent) : single;

        private ParameterSet Trained(Decoder decoder) => adapter?.Parameters ?? decoder.Weights.Parameters!;

        // The present value of the tensor that a golden tensor belongs to: a parameter, or a factor of the adapter.
        private Tensor Now(Decoder decoder, string name) => adapter is null ? decoder.Weights[Parameter(decoder, name)]
            : adapter[name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..]];

        // The parameter that a golden tensor belongs to: the part of its name behind the first point.
        private string Parameter(Decoder decoder, string name)
        {
            var parameter = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            return decoder.Weights.Find(parameter) is not null ? parameter
                : throw new SlickException(
                    $"{Path.Combine(folder, "golden.safetensors")}: '{name}': the model has no parameter of that name.");
        }

        // One step on each batch in turn.
        private void Batches(Decoder decoder, AdamW optimizer, double rate, JsonPlace golden, int steps, CancellationToken cancellation)
        {
            double[] losses = [.. golden["losses_of_steps_1_to_8_and_batch0_after"].Items().Select(Real)];
            double[] norms = golden["gradient_norms"].IsNothing ? [] : [.. golden["gradient_norms"].Items().Select(Real)];
            var moved = Moved(decoder, rate);
            var batches = Enumerable.Range(0, int.MaxValue).TakeWhile(i => Has(FormattableString.Invariant($"batch{i}.ids"))).Count();
            for (var step = 0; step < losses.Length && step < steps + (steps >= losses.Length - 1 ? 1 : 0); step++)
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Report("AdamW steps", step, losses.Length, "");
                using var scope = NewDisposeScope();
                var batch = FormattableString.Invariant($"batch{step % batches}");
                // Rows are padded on the right. Causal attention and the labels leave the padding out.
                var loss = Loss(decoder, Ids($"{batch}.ids"), Ids($"{batch}.labels"));
                var last = step == losses.Length - 1;
                Value(last ? "loss after the last step" : FormattableString.Invariant($"loss of step {step + 1}"), losses[step], loss,
                    LossLimit(1e-3, moved, losses[step] - losses[0]));
                if (last) break;
                // In bf16 the weights differ after the first step: a change below half a unit is lost. So only the first gradient is
                // compared.
                if (step < (reduced ? Math.Min(1, norms.Length) : norms.Length))
                    using (no_grad())
                        Value(FormattableString.Invariant($"norm of the gradient, step {step + 1}"), norms[step],
                            Trained(decoder).GradientNorm(), (reduced ? NormLimit : 1e-3) * norms[step]);
                optimizer.Step(rate);
            }
        }

        private Tensor Loss(Decoder decoder, Tensor ids, Tensor labels)
        {
            var length = ids.size(1) - 1;
            // as transformers does
            var logits = decoder.Logits(decoder.Forward(ids).Hidden.narrow(1, 0, length)).reshape(-1, decoder.Config.VocabularySize)
                .to(ScalarType.Float32);
            if (reduced) logitError = Math.Max(logitError, LogitLimit * Spread(logits.detach()));
            var loss = nn.functional.cross_entropy(logits, labels.narrow(1, 1, length).reshape(-1), ignore_index: -100);
            Repeatable.Backward(loss);
            return loss;
        }

        private static double Rms(Tensor values) =>
            HostTransfer.Read<float>(values.to(ScalarType.Float32).pow(Scalars.Of(2L)).mean().sqrt())[0];

        // Root mean square of the logits' distances from their mean at each position.
        private static double Spread(Tensor logits) => Rms(logits - logits.mean([-1L], keepdim: true));

        // limit is for bf16, relative to the values; LogitLimit where it is null.
        private void Near(string what, Tensor expected, Tensor actual, double? limit = null)
        {
            if (!expected.shape.SequenceEqual(actual.shape))
                throw new SlickException(
                    $"{what}: the golden file has the shape [{string.Join(", ", expected.shape)}], the model gives "
                    + $"[{string.Join(", ", actual.shape)}]; the two are not of one model.");
            (expected, actual) = (expected.to(ScalarType.Float32), actual.to(ScalarType.Float32));
            if (reduced)
            {
                var size = Rms(expected);
                if (limit is null) logitError = Math.Max(logitError, LogitLimit * Spread(expected));
                Results.Add(new(what, Rms(expected - actual), (limit ?? LogitLimit) * size,
                    string.Create(CultureInfo.InvariantCulture, $"root mean square, of values of {size:G4}")));
                return;
            }
            var largest = HostTransfer.Read<float>(expected.abs().max())[0];
            var apart = HostTransfer.Read<float>((expected - actual).abs().max())[0];
            Results.Add(new(what, apart, Relative * largest, string.Create(CultureInfo.InvariantCulture, $"largest value {largest:G4}")));
        }

        private void Value(string what, double expected, Tensor actual, double limit)
        {
            var value = HostTransfer.Read<float>(actual.detach().to(ScalarType.Float32))[0];
            Results.Add(new(what, Math.Abs(value - expected), limit,
                string.Create(CultureInfo.InvariantCulture, $"{value:G6}, reference {expected:G6}")));
        }
    }
}

using System.Text.Json.Nodes;
using Slick.Models;
using Slick.Tests.Models.StraightLine;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>
/// Architectures without reference vectors against loops written from their papers, and those loops against the vectors that there are.
/// </summary>
public sealed class ArchitectureTests
{
    private const double Relative = 1e-4;

    [Theory]
    [InlineData("llama-tied")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-window")]
    [InlineData("qwen2")]
    [InlineData("gemma3")]
    [InlineData("gpt2")]
    [InlineData("pythia")]
    public void StraightLineDecoder_GivesTransformersLogits(string name)
    {
        var folder = Shared.Require("reference/models/" + name);
        var golden = TinyModel.Read(Path.Combine(folder, "golden.safetensors"));
        var tensors = TinyModel.Read(Path.Combine(folder, "model.safetensors"));
        var (shape, logits) = golden["logits"];
        foreach (var file in (string[])["config.json", "config.v4.json"])
        {
            var decoder = new StraightLineDecoder(JsonNode.Parse(File.ReadAllText(Path.Combine(folder, file)))!.AsObject(), tensors);
            for (var row = 0; row < shape[0]; row++)
            {
                int[] ids = [.. golden["input_ids"].Values[(int)(row * shape[1])..(int)((row + 1) * shape[1])].Select(v => (int)v)];
                Near(decoder.Logits(ids), logits[(int)(row * shape[1] * shape[2])..(int)((row + 1) * shape[1] * shape[2])],
                    $"{name}, {file}, row {row}");
            }
        }
    }

    /// <summary>Families and settings; each object holds what differs from the family's plain form.</summary>
    public static TheoryData<string, string> Models() => new()
    {
        { "llama", """{"attention_bias": true, "mlp_bias": true, "rope_theta": 10000.0}""" },
        { "llama", """{"tie_word_embeddings": true, "head_dim": 12, "rope_parameters": {"rope_type": "linear", "factor": 4.0,"""
            + """ "rope_theta": 500.0}}""" },
        { "llama", """{"rope_theta": 500000.0, "rope_scaling": {"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,"""
            + """ "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}""" },
        { "mistral", """{"sliding_window": null}""" },
        { "qwen2", """{"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 2, "rope_theta": 1000000.0}""" },
        { "qwen2", """{"use_sliding_window": false, "sliding_window": 5, "max_window_layers": 0}""" },
        { "qwen3", """{"head_dim": 16, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}""" },
        { "qwen3", """{"head_dim": 8, "attention_bias": true, "tie_word_embeddings": true, "use_sliding_window": true,"""
            + """ "sliding_window": 6, "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]}""" },
        { "gemma2", """{"head_dim": 16, "query_pre_attn_scalar": 24, "sliding_window": 6, "attn_logit_softcapping": 2.0,"""
            + """ "final_logit_softcapping": 3.0, "hidden_activation": "gelu_pytorch_tanh"}""" },
        { "gemma2", """{"head_dim": 8, "sliding_window": 5, "attn_logit_softcapping": null, "final_logit_softcapping": 30.0,"""
            + """ "hidden_act": "gelu_pytorch_tanh", "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},"""
            + """ "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]}""" },
        { "gemma3_text", """{"head_dim": 16, "query_pre_attn_scalar": 24, "sliding_window": 6, "sliding_window_pattern": 2,"""
            + """ "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "attn_logit_softcapping": null,"""
            + """ "final_logit_softcapping": null}""" },
        { "phi3", """{"sliding_window": null, "rms_norm_eps": 1e-05}""" },
        { "phi3", """{"sliding_window": 6, "rms_norm_eps": 1e-05, "partial_rotary_factor": 0.5, "tie_word_embeddings": true,"""
            + """ "rope_scaling": null}""" },
        { "phi3", """{"rms_norm_eps": 1e-05, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,"""
            + """ "partial_rotary_factor": 0.75}}""" },
        { "olmo2", """{"rms_norm_eps": 1e-06, "rope_theta": 500000.0}""" },
        { "olmo2", """{"rms_norm_eps": 1e-05, "attention_bias": true, "rope_parameters": {"rope_type": "default","""
            + """ "rope_theta": 500000.0}}""" },
        { "smollm3", """{"rope_theta": 5000000.0}""" },
        { "smollm3", """{"no_rope_layers": [1, 0, 1, 0], "use_sliding_window": true, "sliding_window": 6,"""
            + """ "layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"], "attention_bias": true,"""
            + """ "tie_word_embeddings": false}""" },
        { "gpt2", """{"_prefix": "transformer."}""" },
        { "gpt2", "{}" },
        { "gpt_neox", """{"use_parallel_residual": false, "rotary_pct": 0.5, "rotary_emb_base": 5000}""" },
        { "gpt_neox", """{"use_parallel_residual": true, "attention_bias": false, "rope_parameters": {"rope_type": "default","""
            + """ "rope_theta": 10000.0, "partial_rotary_factor": 0.25}}""" },
    };

    /// <summary>Each model with the operations that are taken on the CPU, and with those that are taken on a GPU.</summary>
    public static TheoryData<string, string, bool> ModelsOnBothDevices()
    {
        var all = new TheoryData<string, string, bool>();
        foreach (var onGpu in (bool[])[false, true])
            foreach (var (type, settings) in Models().Select(row => row.Data)) all.Add(type, settings, onGpu);
        return all;
    }

    [Theory]
    [MemberData(nameof(ModelsOnBothDevices))]
    public void Gradients_AreTheSlopesOfTheLoss(string type, string settings, bool onGpu)
    {
        var model = new TinyModel(type, JsonNode.Parse(settings)!.AsObject());
        using var scope = NewDisposeScope();
        using var weights = Checkpoint.Load(model.Write(), CPU, trainable: true);
        using var decoder = new Decoder(weights, null, onGpu);
        var random = new Random(3);
        // Without the ids that Gemma (0) and OLMo 2 (1) pad with: those have no gradient as inputs.
        var ids = tensor([.. Enumerable.Range(0, 24).Select(_ => (long)random.Next(2, 101))], ScalarType.Int64).view(2, 12);
        Tensor Loss() => nn.functional.cross_entropy(decoder.Logits(decoder.Forward(ids).Hidden.narrow(1, 0, 11)).reshape(22, -1),
            ids.narrow(1, 1, 11).reshape(22));
        Loss().backward();
        using var noGrad = no_grad();
        using var generator = new Generator(5, CPU);
        Assert.All(weights.Layout.Select(l => l.Name), name =>
        {
            // Along the gradient of one tensor and somewhere: the difference of the loss on both sides against the gradient.
            var (tensor, gradient) = (weights[name], weights.Gradient(name));
            var direction = randn(tensor.shape, generator: generator);
            direction = direction / direction.norm() + gradient / (gradient.norm() + 1e-12);
            direction.mul_(0.005 / direction.norm().item<float>());
            double At(double times)
            {
                tensor.add_(direction, times);
                var loss = Loss().to(ScalarType.Float64).item<double>();
                tensor.add_(direction, -times);
                return loss;
            }
            // Richardson's extrapolation: what the cubic term adds to the difference falls out.
            var slope = (4 * (At(0.5) - At(-0.5)) - (At(1) - At(-1)) / 2) / 3;
            Assert.Equal(slope, (gradient * direction).sum().item<float>(), 2e-6 + 0.02 * Math.Abs(slope));
        });
    }

    [Theory]
    [MemberData(nameof(ModelsOnBothDevices))]
    public void Inference_OverwritesNothingThatIsReadAgain(string type, string settings, bool onGpu)
    {
        var folder = new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Write();
        foreach (var format in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using var scope = NewDisposeScope();
            using var weights = Checkpoint.Load(folder, CPU, trainable: true, format);
            using var decoder = new Decoder(weights, null, onGpu);
            var random = new Random(4);
            var ids = tensor([.. Enumerable.Range(0, 36).Select(_ => (long)random.Next(2, 101))], ScalarType.Int64).view(2, 18);
            var before = (Ids: ids.clone(), Flat: weights.Flat.detach().clone());
            static bool Same(Tensor a, Tensor b) => a.eq(b).all().item<bool>();
            float[] Ask(bool trains)
            {
                using var mode = set_grad_enabled(trains);
                using var _ = NewDisposeScope();
                var (_, present) = decoder.Forward(ids.narrow(0, 0, 1).narrow(1, 0, 9), keep: true);
                using var shared = present!.AsShared();
                var kept = shared.Keys.Concat(shared.Values).Select(t => t.detach().clone()).ToList();
                var (hidden, _) = decoder.Forward(ids.narrow(1, 9, 9), new Prefix(shared), padding: tensor([2L, 0L]));
                Assert.All(shared.Keys.Concat(shared.Values).Zip(kept), p => Assert.True(Same(p.First, p.Second)));
                var (places, real) = RaggedRows.Layout([7, 9], left: false);
                var rows = new RaggedRows(2, 9, tensor(places), tensor(real), tensor([6L, 15L]));
                var (last, _) = decoder.Forward(cat([ids.select(0, 0).narrow(0, 9, 7), ids.select(0, 1).narrow(0, 9, 9)], 0),
                    new Prefix(shared), ragged: rows);
                return [.. cat([hidden.view(-1), last.view(-1)]).to(ScalarType.Float32).detach().data<float>().ToArray()];
            }
            var expected = Ask(trains: true);
            Assert.All(expected, v => Assert.True(float.IsFinite(v)));
            for (var time = 0; time < 2; time++) Assert.Equal(expected, Ask(trains: false));
            Assert.True(Same(ids, before.Ids));
            Assert.True(Same(weights.Flat.detach(), before.Flat));
        }
    }

    [Theory]
    [MemberData(nameof(ModelsOnBothDevices))]
    public void Decoder_GivesTheLogitsOfTheStraightLine(string type, string settings, bool onGpu)
    {
        var model = new TinyModel(type, JsonNode.Parse(settings)!.AsObject());
        var folder = model.Write();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var weights = Checkpoint.Load(folder, CPU, trainable: false);
        using var decoder = new Decoder(weights, null, onGpu);
        var random = new Random(3);
        int[] ids = [.. Enumerable.Range(0, 20).Select(_ => random.Next(101))];
        var expected = new StraightLineDecoder(model.Config, model.Tensors).Logits(ids);

        var all = tensor(ids, ScalarType.Int64).view(1, -1);
        Near(expected, decoder.Logits(decoder.Forward(all).Hidden).data<float>().ToArray(), "one pass");
        // The same through a shared prefix, a cache, and left padding.
        var (_, first) = decoder.Forward(all.narrow(1, 0, 9), keep: true);
        using var cache = first!.AsShared();
        var shared = new Prefix(cache);
        var (_, past) = decoder.Forward(all.narrow(1, 9, 6), shared, keep: true);
        var (last, _) = decoder.Forward(all.narrow(1, 15, 5), shared, past);
        Near(expected[15..], decoder.Logits(last).data<float>().ToArray(), "prefix and cache");
        var (single, _) = decoder.Forward(all.narrow(1, 15, 1), shared, past);
        Near(expected[15..16], decoder.Logits(single).data<float>().ToArray(), "one token behind prefix and cache");
        var padded = cat([zeros(1, 4, ScalarType.Int64), all], 1);
        Near(expected, decoder.Logits(decoder.Forward(padded, padding: tensor([4L])).Hidden.narrow(1, 4, 20).contiguous()).data<float>()
            .ToArray(), "left padding");
        // Rows of two lengths behind a prefix, with a cache.
        var ragged = cat([cat([zeros(1, 2, ScalarType.Int64), all.narrow(1, 9, 6)], 1), all.narrow(1, 9, 8)], 0);
        var pads = tensor([2L, 0L]);
        var (hidden, raggedPast) = decoder.Forward(ragged, shared, keep: true, padding: pads);
        Near(expected[14..15], decoder.Logits(hidden.select(1, 7).narrow(0, 0, 1)).data<float>().ToArray(), "padded row behind a prefix");
        var (next, _) = decoder.Forward(cat([all.narrow(1, 15, 3), all.narrow(1, 17, 3)], 0), shared, raggedPast, padding: pads);
        Near([.. expected[15..18], .. expected[17..]], decoder.Logits(next).data<float>().ToArray(), "padded rows behind prefix and cache");

        // The same rows as lists of tokens, padded on either side; of some tokens only.
        var lists = cat([all.narrow(1, 9, 6), all.narrow(1, 9, 8)], 1).view(-1);
        foreach (var left in (bool[])[false, true])
        {
            var (places, real) = RaggedRows.Layout([6, 8], left);
            var rows = new RaggedRows(2, 8, tensor(places), tensor(real), tensor([5L, 6L, 12L, 13L]));
            var (some, caches) = decoder.Forward(lists, shared, keep: true, padding: left ? pads : null, ragged: rows);
            Near([.. expected[14..15], .. expected[9..10], .. expected[15..17]], decoder.Logits(some).data<float>().ToArray(),
                $"ragged rows, left {left}");
            if (!left) continue;
            var (on, _) = decoder.Forward(cat([all.narrow(1, 15, 3), all.narrow(1, 17, 3)], 0), shared, caches, padding: pads);
            Near([.. expected[15..18], .. expected[17..]], decoder.Logits(on).data<float>().ToArray(), "behind ragged rows");
        }

        // Rows after prompts of 9, 5 and no tokens in one pass, and their next tokens; padded on either side, as lists of tokens and not.
        using var five = first.AsShared(0, 5);
        var prompts = new Prefix([(cache, 2), (five, 1), (null, 1)], tensor([9L, 9L, 5L, 0L]));
        int[] begins = [9, 9, 5, 0], lengths = [6, 4, 6, 3];
        var pad = tensor(lengths.Select(n => 6L - n).ToArray());
        var own = cat([.. begins.Zip(lengths, (b, n) => all.select(0, 0).narrow(0, b, n))], 0);
        double[][] after = [.. begins.Zip(lengths, (b, n) => expected[b + n - 1])];
        double[][] onward = [.. begins.Zip(lengths, (b, n) => expected[b + n])];
        var following = stack([.. begins.Zip(lengths, (b, n) => all.select(0, 0).narrow(0, b + n, 1))], 0);
        long[] endings = [.. lengths.Select((_, r) => (long)lengths[..(r + 1)].Sum() - 1)];
        foreach (var left in (bool[])[false, true])
        {
            var (places, real) = RaggedRows.Layout(lengths, left);
            var rows = new RaggedRows(4, 6, tensor(places), tensor(real), tensor(endings));
            var (ends, caches) = decoder.Forward(own, prompts, keep: true, padding: left ? pad : null, ragged: rows);
            Near(after, decoder.Logits(ends).data<float>().ToArray(), $"rows after several prompts, left {left}");
            if (!left) continue;
            var (on, _) = decoder.Forward(following, prompts, caches, padding: pad);
            Near(onward, decoder.Logits(on.select(1, 0)).data<float>().ToArray(), "tokens after several prompts and a cache");
        }
        var whole = stack([.. begins.Select(b => all.select(0, 0).narrow(0, b, 6))], 0);
        Near([.. begins.SelectMany(b => expected[b..(b + 6)])], decoder.Logits(decoder.Forward(whole, prompts).Hidden)
            .data<float>().ToArray(), "rows of one length after several prompts");

        // What is saved has the same names, shapes and logits.
        var copy = Scratch.Folder();
        Checkpoint.Save(copy, weights);
        var saved = TinyModel.Read(Path.Combine(copy, "model.safetensors"));
        Assert.Equal(model.Tensors.Keys.Order(StringComparer.Ordinal), saved.Keys.Order(StringComparer.Ordinal));
        Assert.All(saved, t => Assert.Equal(model.Tensors[t.Key].Values, t.Value.Values));
        using var again = Checkpoint.Load(copy, CPU, trainable: false);
        using var second = new Decoder(again);
        Near(expected, second.Logits(second.Forward(all).Hidden).data<float>().ToArray(), "saved and loaded");
        Directory.Delete(folder, recursive: true);
        Directory.Delete(copy, recursive: true);
    }

    private static void Near(double[][] expected, float[] actual, string what)
    {
        var flat = expected.SelectMany(row => row).ToArray();
        Assert.Equal(flat.Length, actual.Length);
        var largest = flat.Max(Math.Abs);
        var apart = flat.Zip(actual, (e, a) => Math.Abs(e - a)).Max();
        Assert.True(apart <= Relative * largest, $"{what}: differs by {apart} of {largest}");
    }
}

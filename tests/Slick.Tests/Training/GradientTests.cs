using System.Text.Json.Nodes;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>The same gradient in other ways: without padding, in pieces, with activations computed again; of models of several
/// families.</summary>
public sealed class GradientTests
{
    public static TheoryData<string, string> Families => new()
    {
        { "llama", """{"tie_word_embeddings": true, "pad_token_id": 0}""" },
        { "gpt2", """{"tie_word_embeddings": true}""" },
        { "gpt_neox", "{}" },
        { "gemma3_text", """{"head_dim": 12, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention", """
            + """ "sliding_attention", "full_attention"], "query_pre_attn_scalar": 24, "tie_word_embeddings": true}""" },
        { "qwen3", """{"head_dim": 12, "tie_word_embeddings": false}""" },
    };

    // Prompts of 2 to 12 tokens, answers of 1 to 3.
    private static readonly TaughtExample[] Rows =
        [.. Enumerable.Range(0, 7).Select(i => new TaughtExample(
            [.. Enumerable.Range(0, 2 + 5 * i % 11).Select(t => 3 + (i * 17 + t * 5) % 90)],
            [.. Enumerable.Range(0, 1 + i % 3).Select(t => 4 + (i * 29 + t * 11) % 90)]))];

    private static DecoderWeights Load(string type, string settings)
    {
        NativeLibraries.Load();
        var folder = new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Write();
        try
        {
            return Checkpoint.Load(folder, CPU, trainable: true);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (float[] Gradient, float Loss) Gradient(DecoderWeights weights, bool ragged = false, bool recompute = false,
        int piece = 0, double dropout = 0, LoraAdapter? adapter = null)
    {
        using var decoder = new Decoder(weights, adapter);
        using var pass = new UploadedPass([new(Rows, 5)], piece, ragged, CPU);
        using var total = zeros(1);
        FineTuning.Gradient(decoder, pass, pass.Batches[0], new AnswerLoss(), i => new Dropout(dropout, i, 3), recompute, total);
        var parameters = adapter?.Parameters ?? weights.Parameters!;
        using var scope = NewDisposeScope();
        var values = HostTransfer.Read<float>(parameters.Ranges.Count == 1 ? parameters.Ranges[0].Gradient
            : cat([.. parameters.Ranges.Select(r => r.Gradient)]));
        using (no_grad()) parameters.ZeroGradient();
        return (values, HostTransfer.Read<float>(total)[0]);
    }

    private static void Near((float[] Gradient, float Loss) expected, (float[] Gradient, float Loss) actual)
    {
        var limit = 1e-5f * expected.Gradient.Max(Math.Abs);
        Assert.Equal(expected.Loss, actual.Loss, 1e-4 * expected.Loss);
        Assert.Equal(expected.Gradient.Length, actual.Gradient.Length);
        var apart = expected.Gradient.Zip(actual.Gradient, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(apart <= limit, $"{apart}, limit {limit}");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void RaggedRows_GiveTheGradientOfPaddedRows(string type, string settings)
    {
        using var weights = Load(type, settings);
        Near(Gradient(weights), Gradient(weights, ragged: true));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void PiecesAddUp_ToTheGradientOfTheWholeBatch(string type, string settings)
    {
        using var weights = Load(type, settings);
        var whole = Gradient(weights);
        Near(whole, Gradient(weights, piece: 2));
        Near(whole, Gradient(weights, piece: 3, ragged: true));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void ActivationsComputedAgain_GiveTheSameGradient_DropoutIncluded(string type, string settings)
    {
        using var weights = Load(type, settings);
        var kept = Gradient(weights, dropout: 0.2);
        Near(kept, Gradient(weights, recompute: true, dropout: 0.2));
        Near(Gradient(weights, ragged: true, dropout: 0.2), Gradient(weights, ragged: true, recompute: true, dropout: 0.2));
        Assert.NotEqual(kept.Loss, Gradient(weights).Loss); // something was dropped
    }

    [Fact]
    public void ActivationsComputedAgain_GiveTheSameGradient_OfAnAdapter()
    {
        using var weights = Load("llama", """{"tie_word_embeddings": true}""");
        using var frozen = new DecoderWeights(weights.Config, CPU, trainable: false);
        using (no_grad()) frozen.Flat.copy_(weights.Flat);
        using var adapter = new LoraAdapter(frozen, new() { Rank = 3, TargetModules = ["v_proj", "down_proj"] }, 1);
        using (no_grad())
        using (NewDisposeScope()) adapter.Flat.add_(Scalars.Of(0.1), Scalars.One);
        Near(Gradient(frozen, adapter: adapter, dropout: 0.2), Gradient(frozen, adapter: adapter, dropout: 0.2, recompute: true));
    }

    // The blocks below the lowest trained parameter are not run a second time.
    [Theory]
    [InlineData("all", 0)]
    [InlineData("without-embeddings", 0)]
    [InlineData(@"model\.layers\.2\.self_attn\.q_proj\.weight", 2)]
    [InlineData(@"model\.layers\.[13]\.input_layernorm\.weight", 1)]
    [InlineData(@"model\.norm\.weight", 4)]
    [InlineData(@"lm_head\.weight", 4)]
    public void ActivationsComputedAgain_OfAPart_StopAtItsLowestBlock(string name, int lowest)
    {
        using var all = Load("llama", """{"tie_word_embeddings": false}""");
        using var weights = all.CopyTrainable(new(name));
        using (var decoder = new Decoder(weights)) Assert.Equal(lowest, decoder.LowestTrained);
        var kept = Gradient(weights, dropout: 0.2);
        Assert.Contains(kept.Gradient, g => g != 0);
        Near(kept, Gradient(weights, dropout: 0.2, recompute: true));
        Near(Gradient(weights, ragged: true), Gradient(weights, ragged: true, recompute: true));
    }

    [Theory]
    [InlineData(@"model\.layers\.[23]\..*_proj", 2)]
    [InlineData(@"model\.layers\.3\.mlp\.down_proj", 3)]
    [InlineData(@"lm_head", 4)]
    [InlineData(@"lm_head|model\.layers\.0\.self_attn\.v_proj", 0)]
    public void ActivationsComputedAgain_OfAnAdapter_StopAtItsLowestBlock(string targets, int lowest)
    {
        using var all = Load("llama", """{"tie_word_embeddings": false}""");
        using var frozen = new DecoderWeights(all.Config, CPU, trainable: false);
        using (no_grad()) frozen.Flat.copy_(all.Flat);
        using var adapter = new LoraAdapter(frozen, new() { Rank = 3, TargetPattern = targets }, 1);
        using (no_grad())
        using (NewDisposeScope()) adapter.Flat.add_(Scalars.Of(0.1), Scalars.One);
        using (var decoder = new Decoder(frozen, adapter)) Assert.Equal(lowest, decoder.LowestTrained);
        var kept = Gradient(frozen, adapter: adapter, dropout: 0.2);
        Assert.Contains(kept.Gradient, g => g != 0);
        Near(kept, Gradient(frozen, adapter: adapter, dropout: 0.2, recompute: true));
    }

    [Fact]
    public void PartOfTheParameters_HasTheGradientOfTheWhole()
    {
        using var weights = Load("llama", """{"tie_word_embeddings": true}""");
        Gradient(weights); // zeroed
        using var part = weights.CopyTrainable(new(@".*\.(q_proj|down_proj)\.weight"));
        using var decoder = new Decoder(weights);
        using var other = new Decoder(part);
        using var pass = new UploadedPass([new(Rows, 5)], 0, false, CPU);
        using var total = zeros(1);
        foreach (var d in new[] { decoder, other })
            FineTuning.Gradient(d, pass, pass.Batches[0], new AnswerLoss(), i => new Dropout(0, i, 3), true, total);
        Assert.Equal(8, part.Layout.Count(p => p.Name.Contains("q_proj", StringComparison.Ordinal)
            || p.Name.Contains("down_proj", StringComparison.Ordinal)));
        Assert.Equal(4 * 32 * 32 + 4 * 32 * 48, part.Parameters!.Count);
        var largest = HostTransfer.Read<float>(weights.FlatGradient!).Max(Math.Abs);
        foreach (var (name, _, _) in part.Layout.Where(p => p.Name.Contains("q_proj", StringComparison.Ordinal)
            || p.Name.Contains("down_proj", StringComparison.Ordinal)))
        {
            var (a, b) = (HostTransfer.Read<float>(weights.Gradient(name)), HostTransfer.Read<float>(part.Gradient(name)));
            Assert.All(a.Zip(b), p => Assert.Equal(p.First, p.Second, 1e-5f * largest));
            Assert.Contains(b, v => v != 0);
        }
        Assert.Throws<InvalidOperationException>(() => part.Gradient("model.embed_tokens.weight"));
    }

    // One step on a part is the whole model's step there, and nothing elsewhere: also where a matrix belongs to the part only in part.
    [Theory]
    [InlineData("without-embeddings", ScalarType.Float32)]
    [InlineData(@".*\.q_proj\.weight", ScalarType.Float32)]
    [InlineData(@".*\.(q_proj|up_proj)\.weight", ScalarType.BFloat16)]
    public void StepOnAPart_MovesThePartAlone(string name, ScalarType dtype)
    {
        using var wide = Load("llama", """{"tie_word_embeddings": true}""");
        using var start = new DecoderWeights(wide.Config, CPU, trainable: false, dtype);
        using (no_grad()) start.Flat.copy_(wide.Flat);
        using var all = start.CopyTrainable();
        using var part = start.CopyTrainable(new(name));
        var names = new ParameterPart(name).Of(start.Config);
        foreach (var weights in new[] { all, part })
        {
            using var decoder = new Decoder(weights);
            using var optimizer = new AdamW(weights) { WeightDecay = 0.1 };
            using var pass = new UploadedPass([new(Rows, 5)], 0, false, CPU);
            using var total = zeros(1);
            for (var step = 0; step < 2; step++)
            {
                FineTuning.Gradient(decoder, pass, pass.Batches[0], new AnswerLoss(), i => new Dropout(0, i, 3), false, total);
                optimizer.Step(0.01);
                if (step == 0) using (no_grad())
                    foreach (var (parameter, _, _) in start.Layout) // the next gradient is asked for at the same place
                        if (!names.Contains(parameter)) all[parameter].copy_(start[parameter]);
            }
            Assert.Equal(2, optimizer.Steps);
        }
        float[] Values(DecoderWeights weights, string parameter) => HostTransfer.Read<float>(weights[parameter].to(ScalarType.Float32));
        foreach (var (parameter, _, _) in start.Layout)
        {
            if (!names.Contains(parameter)) Assert.Equal(Values(start, parameter), Values(part, parameter));
            else
            {
                Assert.NotEqual(Values(start, parameter), Values(part, parameter));
                if (dtype == ScalarType.Float32) Assert.All(Values(all, parameter).Zip(Values(part, parameter)), p =>
                    Assert.Equal(p.First, p.Second, 1e-5f));
            }
        }
        Assert.Contains(start.Layout, p => names.Contains(p.Name));
        Assert.Contains(start.Layout, p => !names.Contains(p.Name));
    }

    // After one step the first moment is (1 - beta) times the gradient, clipped to the norm; the norm is of the set's gradient alone.
    [Theory]
    [InlineData("all")]
    [InlineData(@".*\.q_proj\.weight")]
    public void GradientAboveTheNorm_IsClippedToIt(string name)
    {
        using var start = Load("llama", """{"tie_word_embeddings": true}""");
        using var weights = start.CopyTrainable(new(name));
        using var optimizer = new AdamW(weights) { ClipNorm = 0.5 };
        using (no_grad())
        using (NewDisposeScope())
            weights.FlatGradient!.copy_(arange(weights.FlatGradient.numel(), ScalarType.Float32).sin());
        float[] gradient = [.. weights.Parameters!.Ranges.SelectMany(r => HostTransfer.Read<float>(r.Gradient))];
        var norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
        Assert.True(norm > 5);
        optimizer.Step(1e-3);
        var mean = HostTransfer.Read<float>(optimizer.Mean);
        Assert.Equal(gradient.Length, mean.Length);
        for (var i = 0; i < mean.Length; i++) Assert.Equal(0.1 * gradient[i] * 0.5 / norm, mean[i], 1e-7);
        Assert.All(HostTransfer.Read<float>(weights.FlatGradient!), g => Assert.Equal(0, g));
    }
}

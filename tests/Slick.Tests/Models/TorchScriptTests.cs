using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>The operations that are called through TorchScript, beside the same formula written out.</summary>
public class TorchScriptTests
{
    public TorchScriptTests() => Compute.Choose("cpu");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RmsNorm_IsTheFormula_AndItsGradientTheFormulas(bool weighted)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var x = randn([3, 5, 16], generator: generator).requires_grad_(true);
        var weight = weighted ? randn([16], generator: generator).requires_grad_(true) : null;
        var slope = randn([3, 5, 16], generator: generator);
        (float[] Values, float[] OfX, float[] OfWeight) Of(Func<Tensor> norm)
        {
            var values = norm();
            (values * slope).sum().backward();
            var found = (HostTransfer.Read<float>(values), HostTransfer.Read<float>(x.grad!),
                weight is null ? [] : HostTransfer.Read<float>(weight.grad!));
            x.grad!.zero_();
            weight?.grad!.zero_();
            return found;
        }
        Tensor Written()
        {
            var unit = x / x.pow(2).mean([-1L], keepdim: true).add(1e-3).sqrt();
            return weight is null ? unit : unit * weight;
        }
        var (values, ofX, ofWeight) = Of(() => TorchScript.RmsNorm(x, weight, 1e-3));
        var expected = Of(Written);
        Assert.Equal(expected.Values, values, Near);
        Assert.Equal(expected.OfX, ofX, Near);
        Assert.Equal(expected.OfWeight, ofWeight, Near);
        Assert.Contains(ofX, g => Math.Abs(g) > 0.1);
    }

    [Fact]
    public void CausalAttention_IsThatOfEachQueryWithItsGroupsKeys()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var (query, key, value) = (randn([2, 4, 5, 8], generator: generator), randn([2, 2, 5, 8], generator: generator),
            randn([2, 2, 5, 8], generator: generator));
        var mask = full([5, 5], double.NegativeInfinity).triu(1);
        var scores = matmul(query, key.repeat_interleave(2, 1).transpose(-1, -2)) / Math.Sqrt(8) + mask;
        var expected = matmul(scores.softmax(-1), value.repeat_interleave(2, 1));
        Assert.Equal(HostTransfer.Read<float>(expected), HostTransfer.Read<float>(TorchScript.CausalAttention(query, key, value)), Near);
    }

    [Fact]
    public void FrozenBlocks_StayOutOfTheGradient_WithAGpusOperations()
    {
        // A norm that multiplies by 1 + weight, as Gemma has.
        var model = new StraightLine.TinyModel("gemma3_text", System.Text.Json.Nodes.JsonNode.Parse("""
            {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 64, "sliding_window_pattern": 2,
             "attn_logit_softcapping": null, "final_logit_softcapping": null}
            """)!.AsObject());
        using var scope = NewDisposeScope();
        using var start = Checkpoint.Load(model.Write(), CPU, trainable: false);
        using var weights = start.CopyTrainable(new(".*layers\\.3\\..*"));
        using var decoder = new Decoder(weights, null, onGpu: true);
        Assert.Equal(3, decoder.LowestTrained);
        var (hidden, present) = decoder.Forward(tensor([5L, 7L, 9L]).view(1, -1), keep: true);
        Assert.Equal([false, false, false, true], present!.Keys.Select(k => k.requires_grad));
        Assert.True(hidden.requires_grad);
        present.Dispose();
    }

    private static bool Near(float a, float b) => Math.Abs(a - b) < 1e-5;
}

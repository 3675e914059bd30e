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

    private static bool Near(float a, float b) => Math.Abs(a - b) < 1e-5;
}

using System.Diagnostics;
using Slick.Runtime;
using TorchSharp;

namespace Slick.Benchmarks;

/// <summary>How fast this device multiplies matrices now, in the work's own number format.</summary>
/// <param name="compute">The device and the number format.</param>
/// <param name="sideBySide">Products at a time, one torch thread each; 1 for one product with all threads.</param>
internal sealed class ProductPeak(Compute compute, int sideBySide)
{
    private const double Enough = 0.3; // seconds of a measurement

    // A GPU needs a large product, and on a CPU this one is enough.
    private readonly int size = compute.Platform.IsGpu ? 8192 : 1024;

    /// <summary>The size and the number format, for a text.</summary>
    public string Name => Text.Line($"{size}^3, {compute.Platform.NumberFormat}");

    /// <summary>The faster of two measurements, in GFLOP/s.</summary>
    public double Measure()
    {
        Seconds(1); // warm
        var times = (int)Math.Clamp(Enough / Seconds(1), 1, 10_000);
        return 2.0 * size * size * size * times * sideBySide / Math.Min(Seconds(times), Seconds(times)) / 1e9;
    }

    private double Seconds(int times)
    {
        var clock = new Stopwatch();
        if (sideBySide > 1)
        {
            clock.Start();
            SideBySide.For(sideBySide, _ => Multiply(times, null), width: sideBySide);
        }
        else Multiply(times, clock);
        return clock.Elapsed.TotalSeconds;
    }

    private void Multiply(int times, Stopwatch? clock)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Random() => torch.rand(size, size, device: compute.Device).to(compute.DType);
        var (a, b) = (Random(), Random().t()); // as a linear map has its weights
        Compute.Finish(compute.Device);
        clock?.Start();
        for (var i = 0; i < times; i++) torch.mm(a, b).Dispose();
        Compute.Finish(compute.Device);
        clock?.Stop();
    }
}

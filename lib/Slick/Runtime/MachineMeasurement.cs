using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Runtime;

/// <summary>
/// Measures this machine's CPU for a forecast, in about a second: square products of 1,024 in both number formats, products of few rows
/// with weights that come from memory, and a copy of 256 MiB. Other work on the machine makes all of them slower.
/// </summary>
public static class MachineMeasurement
{
    private const int Size = 1024, Few = 16, Matrices = 64;

    /// <summary>This machine.</summary>
    /// <exception cref="SlickException">libtorch cannot be loaded.</exception>
    public static Machine Here()
    {
        NativeLibraries.Load();
        using var noGrad = no_grad();
        var (fp32, bf16) = (Products(ScalarType.Float32), Products(ScalarType.BFloat16));
        return new(Machine.Here, "this machine", FreeMemory.On(CPU) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, fp32, bf16, Copy())
        {
            IsGpu = false, HalfRows = HalfRows(fp32),
        };
    }

    // The shortest time of a repetition, in seconds.
    private static double Fastest(Action work, double during)
    {
        work();
        var (clock, fastest) = (Stopwatch.StartNew(), double.PositiveInfinity);
        do
        {
            var before = clock.Elapsed;
            work();
            fastest = Math.Min(fastest, (clock.Elapsed - before).TotalSeconds);
        }
        while (clock.Elapsed.TotalSeconds < during);
        return fastest;
    }

    // FLOP/s. A processor without products in bf16 takes seconds for large ones, so small ones are timed first.
    private static double Products(ScalarType dtype)
    {
        const double TooSlow = 1e10;
        var small = Products(dtype, Size / 8, 0.01);
        return small < TooSlow ? small : Products(dtype, Size, 0.15);
    }

    private static double Products(ScalarType dtype, int size, double during)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (ones([size, size], dtype), ones([size, size], dtype));
        return 2.0 * size * size * size / Fastest(() => a.mm(b).Dispose(), during);
    }

    // Bytes read and written in a second.
    private static double Copy()
    {
        using var scope = NewDisposeScope();
        var (from, to) = (ones(1 << 26), zeros(1 << 26));
        return 2.0 * 4 * from.numel() / Fastest(() => to.copy_(from), 0.15);
    }

    // The rows h with which a product takes twice as long as its operations alone: 2 S^2 (r + h) FLOP in the time of r rows.
    private static double HalfRows(double speed)
    {
        using var scope = NewDisposeScope();
        var (rows, weights) = (ones(Few, Size), ones(Matrices, Size, Size).unbind(0));
        var seconds = Fastest(() =>
        {
            foreach (var weight in weights) nn.functional.linear(rows, weight).Dispose();
        }, 0.15);
        return Math.Max(0, seconds * speed / (2.0 * Size * Size * Matrices) - Few);
    }
}

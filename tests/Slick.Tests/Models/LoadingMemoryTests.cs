using Slick.Models;
using Slick.Tests.Workbook;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>Memory is the whole process's: nothing else may run beside this.</summary>
[Collection(nameof(ProcessWide))]
public sealed class LoadingMemoryTests
{
    [Fact]
    public void Loading_HoldsLittleBesideTheWeights()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "peak memory is read from /proc");
        // 154 MB in bf16, 308 MB as fp32: large beside what else the process does.
        var config = new DecoderConfig { VocabularySize = 150_000, HiddenSize = 512, Layers = 1, Heads = 4, KeyValueHeads = 4,
            HeadDim = 128, IntermediateSize = 512, MaxPositions = 64 };
        var folder = Scratch.Folder();
        long size;
        using (var weights = new DecoderWeights(config, CPU, trainable: false, ScalarType.BFloat16))
        {
            Checkpoint.Save(folder, weights);
            size = 2 * weights.Flat.numel() * 2;
        }
        static long Peak() => 1024 * long.Parse(File.ReadLines("/proc/self/status")
            .First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            System.Globalization.CultureInfo.InvariantCulture);
        static long Now() => 1024 * long.Parse(File.ReadLines("/proc/self/status")
            .First(l => l.StartsWith("VmRSS", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            System.Globalization.CultureInfo.InvariantCulture);
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak counts from here
        var before = Now();
        using var loaded = Checkpoint.Load(folder, CPU, trainable: false);
        Assert.InRange(Peak() - before, size / 2, size * 1.1);
        Directory.Delete(folder, recursive: true);
    }
}

using System.Diagnostics;
using Slick.Models;
using Slick.Runtime;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>Garbage collections in the middle of native calls must not free what those calls use.</summary>
public sealed class CollectionTests
{
    [Fact]
    public void Forward_WhileAnotherThreadCollects_GivesTheSameBytes()
    {
        NativeLibraries.Load();
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var weights = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 2, IntermediateSize = 64 }.Shape(100),
            CPU, trainable: false);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        var ids = arange(0, 64, ScalarType.Int64).view(4, 16);
        var expected = HostTransfer.Read<float>(decoder.Forward(ids).Hidden);
        var done = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref done)) GC.Collect(0, GCCollectionMode.Forced, blocking: true);
        }) { IsBackground = true };
        collector.Start();
        try
        {
            var clock = Stopwatch.StartNew();
            for (var i = 0; i < 300 && clock.Elapsed < TimeSpan.FromSeconds(3); i++)
            {
                using var inner = NewDisposeScope();
                Assert.Equal(expected, HostTransfer.Read<float>(decoder.Forward(ids).Hidden));
            }
        }
        finally
        {
            Volatile.Write(ref done, true);
            collector.Join();
        }
    }
}

using Slick.Models;
using Slick.Runtime;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

public sealed class DropoutTests
{
    public DropoutTests() => NativeLibraries.Load();

    private static float[][] Masks(Dropout dropout, int sites, params long[] shape)
    {
        using var scope = NewDisposeScope();
        return [.. dropout.Masks(sites, shape, ScalarType.Float32, CPU)!.Select(HostTransfer.Read<float>)];
    }

    private static string Bits(float[] mask) => string.Concat(mask.Select(v => v == 1 ? '1' : v == 0 ? '0' : '?'));

    // As the documentation of Masks says, with unsigned numbers that wrap by themselves and the sequence drawn in turn.
    private static string[] ByHand(double rate, int seed, long step, int sites, int units)
    {
        static ulong Scrambled(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
        const ulong Step = 0x9E3779B97F4A7C15;
        var name = 2166136261u;
        foreach (var letter in "dropout") name = (name ^ letter) * 16777619;
        var ofRun = Scrambled(((ulong)(uint)seed << 32 | name) + Step) & 0x7FFFFFFF;
        var state = Scrambled(Scrambled(ofRun + Step) + (ulong)step + Step);
        var words = new ulong[(sites + 3) / 4 * units];
        for (var i = 0; i < words.Length; i++) words[i] = Scrambled(state += Step);
        var lowest = Math.Round(rate * 65536) - 32768;
        return [.. Enumerable.Range(0, sites).Select(s => string.Concat(Enumerable.Range(0, units).Select(e =>
            (short)(ushort)(words[s / 4 * units + e] >> (16 * (s % 4))) >= lowest ? '1' : '0')))];
    }

    [Fact]
    public void SmallMasks_AreTheOnesComputedByHand()
    {
        // Written down from a third program, in Python.
        string[] expected =
        [
            "001110111111010111001111010111", "111001011111011111100101000011", "111101100111101101111110111101",
            "001101111100100011111111001011", "111101011111101111001111110010", "111001101101011111011101111101",
        ];
        Assert.Equal(expected, ByHand(0.3, 11, 4, 6, 30));
        Assert.Equal(expected, Masks(new Dropout(0.3, 11, 4), 6, 2, 3, 5).Select(Bits));
    }

    [Theory]
    [InlineData(0.05, 1, 0, 8)]
    [InlineData(0.9, -3, 123_456_789_012, 3)]
    [InlineData(0.00002, int.MaxValue, 7, 1)]
    public void Masks_AreTheOnesComputedByHand(double rate, int seed, long step, int sites) =>
        Assert.Equal(ByHand(rate, seed, step, sites, 7 * 11 * 13), Masks(new Dropout(rate, seed, step), sites, 7, 11, 13).Select(Bits));

    [Fact]
    public void Masks_DoNotDependOnTheNumberOfThreads()
    {
        var before = get_num_threads();
        try
        {
            string[] On(int threads)
            {
                Compute.UseThreads(threads);
                return [.. Masks(new Dropout(0.1, 1, 1), 4, 64, 16, 64).Select(Bits)]; // long enough to be shared out
            }
            Assert.Equal(On(1), On(4));
        }
        finally
        {
            Compute.UseThreads(before);
        }
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void ShareDropped_IsTheRate_AtEverySite_AndTheExpectationStays(double rate)
    {
        var dropout = new Dropout(rate, 1, 2);
        var masks = Masks(dropout, 8, 32, 14, 128);
        var share = Math.Round(rate * 65536) / 65536;
        Assert.InRange(share, rate - 1.0 / 131072, rate + 1.0 / 131072);
        // Four standard deviations of a binomial count.
        void Near(IEnumerable<float> mask, int units) =>
            Assert.InRange(mask.Count(v => v == 0), units * share - 4 * Math.Sqrt(units * share * (1 - share)),
                units * share + 4 * Math.Sqrt(units * share * (1 - share)));
        Assert.All(masks, mask => Near(mask, 32 * 14 * 128));
        Near(masks.SelectMany(m => m), 8 * 32 * 14 * 128);
        using var factor = tensor(1.0).mul(dropout.Scale);
        Assert.Equal(1, HostTransfer.Read<double>(factor)[0] * (1 - share), 12);
    }

    [Fact]
    public void Units_AreDroppedIndependently_BetweenSitesStepsSeedsAndNeighbours()
    {
        const int Units = 40_000;
        float[][] Of(int seed, long step) => Masks(new Dropout(0.5, seed, step), 8, Units);
        var (here, nextStep, nextSeed) = (Of(1, 0), Of(1, 1), Of(2, 0));
        var masks = here.Concat(nextStep).Concat(nextSeed).ToList();
        // Two independent masks agree at half of their units; four and a half standard deviations, for 300 pairs.
        void Near(int agreements, int units) =>
            Assert.InRange(agreements, units / 2.0 - 4.5 * Math.Sqrt(units / 4.0), units / 2.0 + 4.5 * Math.Sqrt(units / 4.0));
        for (var a = 0; a < masks.Count; a++)
        {
            for (var b = 0; b < a; b++) Near(masks[a].Zip(masks[b]).Count(p => p.First == p.Second), Units);
            Near(masks[a].Zip(masks[a].Skip(1)).Count(p => p.First == p.Second), Units - 1);
        }
    }

    [Fact]
    public void RateOfNothing_DropsNothing() => Assert.Null(new Dropout(0, 1, 0).Masks(8, [2, 2], ScalarType.Float32, CPU));

    // A model of one token: a unit that is dropped has no part in the gradient of the row of weights that makes it.
    [Fact]
    public void Decoder_DropsTheUnitsOfItsLayersOutputs()
    {
        using var weights = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 3, Heads = 4, KeyValueHeads = 2,
            IntermediateSize = 48 }.Shape(20), CPU, trainable: true);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        using var scope = NewDisposeScope();
        var dropout = new Dropout(0.5, 3, 9);
        var masks = Masks(dropout, 6, 1, 1, 32);
        var sample = tensor(Enumerable.Range(0, 32).Select(i => (float)Math.Sin(i + 1)).ToArray());
        decoder.Forward(tensor([5L]).view(1, 1), dropout: dropout).Hidden.view(-1).dot(sample).backward();
        for (var site = 0; site < 6; site++)
        {
            var gradient = weights.Gradient($"model.layers.{site / 2}.{(site % 2 == 0 ? "self_attn.o_proj" : "mlp.down_proj")}.weight");
            Assert.Equal(Bits(masks[site]), string.Concat(HostTransfer.Read<float>(gradient.abs().amax(1)).Select(v => v > 0 ? '1' : '0')));
        }
    }

    // The same model written out, with the factor of what is kept: attention to one token gives that token's values.
    [Fact]
    public void Decoder_ScalesWhatItKeeps()
    {
        var config = new PreTrainingOptions { HiddenSize = 32, Layers = 1, Heads = 4, KeyValueHeads = 4, IntermediateSize = 48 }.Shape(20);
        using var weights = new DecoderWeights(config, CPU, trainable: true);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        weights.Flat.mul_(Scalars.Of(8.0)); // far from the small weights of a fresh model
        var dropout = new Dropout(0.25, 3, 9);
        var masks = dropout.Masks(2, [32], ScalarType.Float32, CPU)!;
        Tensor Weight(string name) => weights["model." + name + ".weight"];
        Tensor Normed(Tensor v, string name) =>
            v * v.square().mean().add(Scalars.Of(config.NormEpsilon), Scalars.One).rsqrt() * Weight(name);
        var x = Weight("embed_tokens")[5];
        var value = Weight("layers.0.self_attn.v_proj").mv(Normed(x, "layers.0.input_layernorm"));
        var attended = Weight("layers.0.self_attn.o_proj").mv(value);
        x = x.add(attended * masks[0] / (3 / 4.0), Scalars.One);
        var within = Normed(x, "layers.0.post_attention_layernorm");
        var gate = nn.functional.silu(Weight("layers.0.mlp.gate_proj").mv(within));
        var mlp = Weight("layers.0.mlp.down_proj").mv(gate * Weight("layers.0.mlp.up_proj").mv(within));
        x = x.add(mlp * masks[1] / (3 / 4.0), Scalars.One);
        var expected = HostTransfer.Read<float>(Normed(x, "norm"));
        var actual = HostTransfer.Read<float>(decoder.Forward(tensor([5L]).view(1, 1), dropout: dropout).Hidden.view(-1));
        for (var i = 0; i < 32; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
    }
}

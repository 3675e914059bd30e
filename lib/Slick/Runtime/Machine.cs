namespace Slick.Runtime;

/// <summary>
/// Equal forward or training passes, as a forecast counts them. A count may be a fraction where it is a mean. Letters: F floating-point
/// operations of a pass's matrix products, f those of one of its rows, W bytes of the weights that it reads, E bytes that its other
/// operations read and write, N its number of operations (kernels).
/// </summary>
/// <param name="Count">Number of passes.</param>
/// <param name="Tokens">Tokens of a pass.</param>
/// <param name="LogitRows">Positions of a pass whose logits are computed.</param>
/// <param name="Flop">F.</param>
/// <param name="RowFlop">f.</param>
/// <param name="WeightBytes">W.</param>
/// <param name="MovedBytes">E.</param>
/// <param name="Operations">N.</param>
internal readonly record struct MachinePass(double Count, double Tokens, double LogitRows, double Flop, double RowFlop, double WeightBytes,
    double MovedBytes, double Operations);

/// <summary>Work on a machine: passes, and what the host does beside them.</summary>
/// <param name="Passes">The passes.</param>
/// <param name="HostSeconds">Seconds of the host's own work: tokens, bookkeeping.</param>
/// <param name="Bytes">Memory that the work needs at one time, the weights included.</param>
internal sealed record MachineWork(IReadOnlyList<MachinePass> Passes, double HostSeconds, long Bytes)
{
    /// <summary>A sum over all passes.</summary>
    public double Sum(Func<MachinePass, double> of) => Passes.Sum(p => p.Count * of(p));
}

/// <summary>
/// A machine as a forecast of time sees it. Letters of a pass as in <see cref="MachinePass"/>, and: C the machine's FLOP/s, s the share of
/// it that large products reach, h the rows with which a product reaches half of that, B bytes of memory it moves in a second, t the time
/// that an operation takes to start. A pass takes
/// <code>
/// max((F + h f) / (s C), W / B) + E / B   for the device's work, and N t for the starts
/// </code>
/// A CPU does one after the other, so the two are added. A card works while the host starts the next operations, so the larger one counts:
/// on an H200 a fine-tuning step of a small model took as long in bf16 as in fp32, since it waited for starts.
/// <para>
/// The constants of a CPU. C, B and h are measured where the forecast is made (<see cref="MachineMeasurement"/>). s = 0.97 and t = 5 us
/// were fitted on two cores of an AMD Zen 3, with Gemma 3 270M (vocabulary cut to 32,768) and smaller random models. To fit them again,
/// run the same questions with <c>slick plan --model DIR --data DIR --device here --questions 24</c> and with
/// <c>tests/Slick.Benchmarks</c> (<c>annotate --checkpoint DIR --data DIR --relations 1 --questions 24 --contenders exact,sampled</c>, and
/// <c>finetune DIR --time</c>) on a machine that does nothing else. Exact has large passes, so its time sets s.
/// Sampled has small ones, so its time then tests h. Where weights are packed once and not for each product, h is no longer that of
/// <see cref="MachineMeasurement"/>: change the product that is measured there.
/// </para>
/// <para>
/// The constants of a card. C, B and the memory are the data sheet's: products in fp32 without TF32, in bf16 without sparsity. s = 0.7 and
/// h = 64 are what such cards are known to reach with products of a few thousand rows, and the rows of their products' tiles. t = 10 us
/// was fitted to one H200 (2026-11-28). The forecast was checked against these numbers of that card, Gemma with 121 million parameters, one
/// relation at a time: Exact 16,412 question-prompts a second in bf16 and 7,244 in fp32; a fine-tuning step of 128 examples of 18 tokens 52
/// ms in bf16 and 74 ms in fp32 with padding, and in bf16 1.41 times as long without. A test holds that. Cards where t matters are those of
/// small models; large models were not measured.
/// </para>
/// </summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="Title">The name in a sentence.</param>
/// <param name="Memory">Memory in bytes.</param>
/// <param name="Fp32">C of products in fp32.</param>
/// <param name="Bf16">C of products in bf16, summed up in fp32.</param>
/// <param name="Bandwidth">B.</param>
public sealed record Machine(string Name, string Title, long Memory, double Fp32, double Bf16, double Bandwidth)
{
    /// <summary>The word for the machine that the program runs on.</summary>
    public const string Here = "here";

    private const long Gibibyte = 1L << 30;

    // The driver's context and libtorch's kernels and buffers.
    private const long ReservedOnCards = 3 * Gibibyte / 2;

    /// <summary>True for a card, false for a CPU.</summary>
    public bool IsGpu { get; init; } = true;

    /// <summary>h.</summary>
    internal double HalfRows { get; init; } = 64;

    private double Share => IsGpu ? 0.7 : 0.97;

    private double StartSeconds => IsGpu ? 10e-6 : 5e-6;

    /// <summary>Memory that work can use, in bytes.</summary>
    internal long Usable => Memory - (IsGpu ? ReservedOnCards : 0);

    private static Machine Card(string name, string title, double gibibytes, double fp32, double bf16, double bandwidth) =>
        new(name, title, (long)(gibibytes * Gibibyte), fp32 * 1e12, bf16 * 1e12, bandwidth * 1e9);

    /// <summary>
    /// The cards that have a name. Memory in GiB as the driver tells it, TFLOP/s of fp32 and bf16, GB/s, of NVIDIA's data sheets (SXM where
    /// there are several forms).
    /// </summary>
    public static IReadOnlyList<Machine> Cards { get; } =
    [
        Card("h200", "H200", 140.4, 67, 989, 4800),
        Card("h100", "H100", 79.6, 67, 989, 3350),
        Card("a100-80gb", "A100 (80 GB)", 80, 19.5, 312, 2039),
        Card("a100-40gb", "A100 (40 GB)", 40, 19.5, 312, 1555),
        Card("l40s", "L40S", 45, 91.6, 362, 864),
        Card("l4", "L4", 22.5, 30.3, 121, 300),
        Card("rtx-4090", "RTX 4090", 24, 82.6, 165, 1008),
        Card("rtx-3090", "RTX 3090", 24, 35.6, 71, 936),
    ];

    /// <summary>The card of a name, in any case; null where there is none.</summary>
    public static Machine? Find(string name) => Cards.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Seconds of work on this machine (see the class).</summary>
    /// <param name="work">The work.</param>
    /// <param name="width">Bytes of a weight: 4 for fp32, 2 for bf16.</param>
    internal double Seconds(MachineWork work, long width) => work.HostSeconds + work.Passes.Sum(p => p.Count * Seconds(p, width));

    private double Seconds(MachinePass pass, long width)
    {
        var products = (pass.Flop + HalfRows * pass.RowFlop) / (Share * (width == 4 ? Fp32 : Bf16));
        var device = Math.Max(products, pass.WeightBytes / Bandwidth) + pass.MovedBytes / Bandwidth;
        var starts = pass.Operations * StartSeconds;
        return IsGpu ? Math.Max(device, starts) : device + starts;
    }
}

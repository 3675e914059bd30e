using System.Globalization;

namespace Slick.Benchmarks;

/// <summary>What one run of a contender took.</summary>
/// <param name="Seconds">Seconds of the work.</param>
/// <param name="Flops">Its floating-point operations (<see cref="FlopCount"/>); 0 where they are counted afterwards.</param>
/// <param name="Remark">What it found, for the end of the line.</param>
internal sealed record Turn(double Seconds, double Flops, string Remark = "");

/// <summary>A way to do the work.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="Run">Does the work once.</param>
internal sealed record Contender(string Name, Func<Turn> Run)
{
    /// <summary>Counts the floating-point operations after the last round, for a contender that does not count while it runs.</summary>
    public Func<double>? CountAfterwards { get; init; }
}

/// <summary>
/// Rounds in which the contenders take turns, so that what disturbs the machine disturbs all of them. Each round measures the peak first.
/// </summary>
/// <param name="Unit">What is counted a second.</param>
/// <param name="Units">Units of the work.</param>
/// <param name="Peak">Measures the matrix products, in GFLOP/s.</param>
/// <param name="PeakName">The product's size and number format.</param>
internal sealed record Turns(string Unit, double Units, Func<double> Peak, string PeakName)
{
    /// <summary>What else is counted a second, and how much of it the work has; null for nothing.</summary>
    public (string Unit, double Units)? Also { get; init; }

    /// <summary>Runs all rounds.</summary>
    /// <param name="contenders">The contenders. They are warm.</param>
    /// <param name="baseline">The name of the one that the others are compared with.</param>
    /// <param name="rounds">Number of rounds.</param>
    /// <returns>The lines of the table.</returns>
    public IReadOnlyList<string> Run(IReadOnlyList<Contender> contenders, string baseline, int rounds)
    {
        var peaks = new List<double>();
        var turns = contenders.ToDictionary(c => c.Name, _ => new List<Turn>());
        for (var round = 0; round < rounds; round++)
        {
            peaks.Add(Peak());
            foreach (var contender in contenders) turns[contender.Name].Add(contender.Run());
        }
        var flops = contenders.ToDictionary(c => c.Name, c => c.CountAfterwards?.Invoke() ?? turns[c.Name][^1].Flops);
        return Table(turns, flops, peaks, baseline);
    }

    /// <summary>The lines of the table: medians over the rounds. A ratio is the median of each round's own.</summary>
    /// <param name="turns">The turns of each contender, round by round.</param>
    /// <param name="flops">The floating-point operations of each contender.</param>
    /// <param name="peaks">The peak of each round, in GFLOP/s.</param>
    /// <param name="baseline">The contender that the others are compared with.</param>
    internal IReadOnlyList<string> Table(IReadOnlyDictionary<string, List<Turn>> turns, IReadOnlyDictionary<string, double> flops,
        List<double> peaks, string baseline)
    {
        var peak = Median(peaks);
        List<string> lines =
        [
            Text.Line($"Matrix product {PeakName}: {peak:F0} GFLOP/s",
                $" (each round: {string.Join(", ", peaks.Select(p => p.ToString("F0", CultureInfo.InvariantCulture)))})"),
            Text.Line($"{"",-14} {Unit + "/s",20} {"slowest-fastest",17} {"x " + baseline,17} {"GFLOP each",11} {"GFLOP/s",8} ",
                $"{"of the peak",12}"),
        ];
        foreach (var (name, own) in turns)
        {
            List<double> seconds = [.. own.Select(t => t.Seconds)];
            var ratio = Median([.. turns[baseline].Zip(own, (theirs, ours) => theirs.Seconds / ours.Seconds)]);
            var rate = flops[name] / Median(seconds) / 1e9;
            lines.Add(Text.Line($"{name,-14} {Units / Median(seconds),20:F2} ",
                $"{Text.Line($"{Units / seconds.Max():F2}-{Units / seconds.Min():F2}"),17} {ratio,17:F2} ",
                $"{flops[name] / Units / 1e9,11:F2} ",
                $"{rate,8:F0} {rate / peak,12:P0}  ",
                $"{(Also is var (unit, units) ? Text.Line($"{units / Median(seconds):F0} {unit}/s") : own[^1].Remark)}").TrimEnd());
        }
        return lines;
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}

/// <summary>Lines with numbers as they are written everywhere.</summary>
internal static class Text
{
    public static string Line(params FormattableString[] parts) =>
        string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture)));

    public static void Say(params FormattableString[] parts) => Console.Out.WriteLine(Line(parts));
}

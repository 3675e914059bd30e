using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Knowledge;

namespace Slick.Studies;

/// <summary>The study <c>mitigations</c>: ways to teach Unknown facts with less harm, at one number of updates. What is lost of what was
/// known, against how much of the Unknown is fitted.</summary>
internal static class MitigationsStudy
{
    private const string Plain = "plain", Filter = "filter-unknown", Half = "ratio-50", Filtered = "known-only-same-updates-50";
    private const string KnownAtEnd = "known-at-end";
    private const double Fitted = 0.95;

    // A way to mitigate harm: its variant, the family that it belongs to in the figure, and its name in a sentence.
    private sealed record Mitigation(string Variant, string Family, string Words, Func<StudyOptions, string[]> Settings)
    {
        /// <summary>Where it is compared with plain fine-tuning. Known examples at the end change nothing before the end.</summary>
        public string Stop => Variant == KnownAtEnd ? Measures.Last : Measures.UnknownFitted95;
    }

    private static Mitigation Of(string variant, string family, string words, params string[] settings) =>
        new(variant, family, words, _ => settings);

    private static readonly Mitigation[] All =
    [
        Of("linear-decay", "linear decay", "A learning rate that decays to zero", "fineTuning.schedule=linearDecay"),
        .. new[] { "0.1", "1" }.Select(s => Of($"replay-{s}", "pages replayed",
            $"Replay of pages of pre-training, {s} for each example,", $"fineTuning.replayShare={s}")),
        .. new[] { "0.1", "1" }.Select(s => Of($"own-replay-{s}", "own texts replayed",
            $"Replay of texts that the base model draws, {s} for each example,", $"fineTuning.replayShare={s}", "replay=modelTexts")),
        .. new[] { "0.1", "1" }.Select(s => Of($"kl-{s}", "KL to the base", $"A divergence from the base model of weight {s}",
            $"fineTuning.divergenceWeight={s}")),
        Of("freeze-mlp", "frozen parts", "Freezing the MLPs", @"fineTuning.parameters=(?!.*\.mlp\.).*"),
        Of("freeze-attention", "frozen parts", "Freezing attention", @"fineTuning.parameters=(?!.*\.self_attn\.).*"),
        new("freeze-lower-half", "frozen parts", "Freezing the embeddings and the lower half of the blocks", options =>
        [
            @"fineTuning.parameters=(?!model\.(embed_tokens|layers\.(" + string.Join('|', Enumerable.Range(0,
                options.PreTraining.Layers / 2).Select(l => l.ToString(CultureInfo.InvariantCulture))) + @"))\.).*",
        ]),
        // An adapter needs a higher rate than the parameters themselves. Alpha grows with the rank, so all ranks have one factor.
        .. new[] { 1, 4, 16, 64 }.Select(r => new Mitigation(FormattableString.Invariant($"lora-{r}"), "LoRA",
            FormattableString.Invariant($"A LoRA adapter of rank {r}"), options =>
            [
                FormattableString.Invariant($"fineTuning.lora.rank={r}"), FormattableString.Invariant($"fineTuning.lora.alpha={2 * r}"),
                FormattableString.Invariant($"fineTuning.learningRate={10 * options.FineTuning.LearningRate}"),
            ])),
        Of(KnownAtEnd, "Known at the end", "Training on the Known examples alone in the last tenth of the epochs",
            "fineTuning.endShare=0.1"),
    ];

    public static LabStudy Study { get; } = new()
    {
        Name = "mitigations",
        Title = "Mitigations at one budget",
        Question = "Which way to teach Unknown facts costs the least of what was known, at the same number of updates?",
        Hypothesis = "Decay of the learning rate alone gives a good part of what a divergence term or replay gives. Filtering the Unknown "
            + "costs least and teaches nothing new.",
        Claims = [.. All.Select((m, i) => LabStudy.Claim(FormattableString.Invariant($"M{i + 1}"),
            $"{m.Words} loses less of what was known than plain fine-tuning, "
                + (m.Stop == Measures.Last ? "at the last epoch." : "where 95% of the Unknown examples are fitted."),
            "D 50%: loss on Known test questions at the " + (m.Stop == Measures.Last ? "last epoch"
                : "first epoch with 95% of the Unknown examples fitted") + $", {Plain} minus {m.Variant}; 95% interval above 0",
            values => [values.Difference($"loss {(m.Stop == Measures.Last ? "at the last epoch" : "at 95% fitted")}, {Plain} - {m.Variant}",
                1, Lost(Plain, 1, m.Stop), Lost(m.Variant, -1, m.Stop))]))],
        Variants = options =>
        [
            new(Plain, ["fineTuning.schedule=constant", $"sets={Half}"]),
            new(Filter, ["fineTuning.schedule=constant", $"sets={Filtered}"]),
            .. All.Select(m => new StudyVariant(m.Variant, ["fineTuning.schedule=constant", .. m.Settings(options), $"sets={Half}"])),
        ],
        Measure = of => Measures.Common(of).Concat(ByEpoch(of)),
        Table = Table,
        Figure = Figure,
    };

    // The loss and the fit after every epoch, and at the first epoch with 95% of the Unknown examples fitted.
    private static IEnumerable<StudyValue> ByEpoch(VariantResult of)
    {
        static bool Known(Category c) => c != Category.Unknown;
        foreach (var run in of.Data.Runs)
        {
            var (start, isFound) = (run.Right(0, QuestionSet.Test, Known), false);
            foreach (var epoch in run.Epochs.Select(e => e.Epoch))
            {
                if (run.Right(epoch, QuestionSet.Test, Known) is not { Of: > 0 } right) continue;
                var fitted = run.Fitted(epoch, c => !Known(c)) is { Of: > 0 } of95 ? of95.Value : 0;
                var lost = 100 * (start.Value - right.Value);
                // As if the two shares were of different questions: wider than need be.
                var error = 100 * Math.Sqrt((start.Value * (1 - start.Value) + right.Value * (1 - right.Value)) / right.Of);
                yield return Measures.Row(of, run, Measures.Lost, lost, "", epoch, error);
                yield return Measures.Row(of, run, Measures.UnknownFitted, 100 * fitted, "", epoch);
                foreach (var (name, _) in Measures.StopsOf(run).Where(s => s.Epoch == epoch))
                    yield return Measures.Row(of, run, Measures.UnknownFitted, 100 * fitted, name, epoch);
                if (isFound || fitted < Fitted) continue;
                isFound = true;
                yield return Measures.Row(of, run, Measures.Lost, lost, Measures.UnknownFitted95, epoch, error);
            }
        }
    }

    // What was trained and where it was stopped.
    private sealed record Point(string Name, string Variant, string Stop)
    {
        public string Set => Variant == Filter ? Filtered : Half;
        public double Lost(StudyValues values) => values.Sum(new ValueTerm(Variant, Set, Measures.Lost, Stop)).Value;
        public double Fitted(StudyValues values) => values.Sum(new ValueTerm(Variant, Set, Measures.UnknownFitted, Stop)).Value;
    }

    private static IReadOnlyList<Point> Points =>
    [
        new(Plain, Plain, Measures.Last), new("early-stop", Plain, Measures.EarlyStop), new(Filter, Filter, Measures.Last),
        .. All.Select(m => new Point(m.Variant, m.Variant, Measures.Last)),
    ];

    /// <summary>The points that no other one beats in both: more of the Unknown fitted, and less of the Known lost.</summary>
    /// <param name="points">For each point what is fitted and what is lost.</param>
    internal static IReadOnlyList<bool> Frontier(IReadOnlyList<(double Fitted, double Lost)> points) =>
        [.. points.Select(p => double.IsFinite(p.Fitted) && double.IsFinite(p.Lost) && !points.Any(o =>
            o.Fitted >= p.Fitted && o.Lost <= p.Lost && (o.Fitted > p.Fitted || o.Lost < p.Lost)))];

    private static TableView Table(StudyValues values)
    {
        var frontier = Frontier([.. Points.Select(p => (p.Fitted(values), p.Lost(values)))]);
        return new()
        {
            Id = "mitigations",
            Title = "D 50%: points lost on Known test questions, and Unknown examples fitted",
            Note = "Plain: the constant rate, to the last epoch; early-stop: the same run at EARLY_STOP; filter-unknown: D's Known "
                + "examples "
                + "with D's updates. At 95%: the first epoch with at least 95% of the Unknown examples fitted. Frontier: no other row fits "
                + "more and loses less at its end. Plain - it: at 95%; of known-at-end, which changes nothing before, at the end.",
            Columns = ["mitigation", "95%: epoch", "lost at 95%", "plain - it", "at the end: Unknown fitted, %", "lost", "frontier"],
            Rows = [.. Points.Select((p, i) => (IReadOnlyList<string>)
            [
                p.Name, p.Stop == Measures.Last ? StudyTables.Epoch(values, p.Variant, p.Set, Measures.UnknownFitted95) : "-",
                p.Stop == Measures.Last ? StudyTables.Cell(values, Lost(p.Variant, 1, Measures.UnknownFitted95)) : "-",
                All.FirstOrDefault(m => m.Variant == p.Name) is { } of ? StudyTables.Cell(values, Lost(Plain, 1, of.Stop),
                    Lost(p.Variant, -1, of.Stop)) : "-",
                StudyTables.Mean(values, new(p.Variant, p.Set, Measures.UnknownFitted, p.Stop)),
                StudyTables.Cell(values, new ValueTerm(p.Variant, p.Set, Measures.Lost, p.Stop)), frontier[i] ? "yes" : "no",
            ])],
        };
    }

    private static Figure Figure(StudyValues values)
    {
        Series Of(string name, int color, SeriesKind kind, IReadOnlyList<Point> points) => new()
        {
            Name = name, Color = color, Kind = kind,
            X = [.. points.Select(p => p.Fitted(values))], Y = [.. points.Select(p => p.Lost(values))],
        };
        // Plain fine-tuning, epoch by epoch: the frontier of stopping earlier.
        var epochs = values.Rows.Where(r => r.Variant == Plain && r.Set == Half && r.Stop.Length == 0 && r.Epoch >= 0)
            .GroupBy(r => r.Epoch).OrderBy(g => g.Key).ToList();
        double Mean(IEnumerable<StudyValue> rows, string measure) =>
            rows.Where(r => r.Measure == measure).Select(r => r.Value).DefaultIfEmpty(double.NaN).Average();
        return new()
        {
            Id = "mitigations",
            Title = "What is lost of the Known, against what is fitted of the Unknown",
            Note = "The line: plain fine-tuning of D 50%, epoch by epoch. Points: the last epoch of each mitigation, and EARLY_STOP of "
                + "plain "
                + "fine-tuning. Lower and further to the right is better.",
            X = new("Unknown examples fitted (%)"),
            Y = new("points lost on Known test questions"),
            Series =
            [
                new() { Name = $"{Plain}, by epoch", Color = 7, X = [.. epochs.Select(e => Mean(e, Measures.UnknownFitted))],
                    Y = [.. epochs.Select(e => Mean(e, Measures.Lost))] },
                Of("EARLY_STOP", 7, SeriesKind.Points, [Points[1]]),
                Of(Filter, 7, SeriesKind.Points, [Points[2]]),
                .. All.GroupBy(m => m.Family).Select((family, i) => Of(family.Key, i, SeriesKind.Points,
                    [.. family.Select(m => new Point(m.Variant, m.Variant, Measures.Last))])),
            ],
        };
    }

    private static ValueTerm Lost(string variant, double weight, string stop) => new(variant, variant == Filter ? Filtered : Half,
        Measures.Lost, stop, weight);
}

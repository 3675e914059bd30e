using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Storage;

namespace Slick.Tests;

/// <summary>A claim as commit 67f6ddd published it.</summary>
internal sealed record WideClaim
{
    public required int Number { get; init; }
    public required string Claim { get; init; }
    public required string Paper { get; init; }
    public required string Here { get; init; }
    public required double HolmP { get; init; }
    public required string Verdict { get; init; }
}

/// <summary>
/// The study that commit 67f6ddd published: a row an epoch with a column for each number, a row a test question with a column for each
/// stop. It is read as the long tables that the library has now. What was not published stays out: answers at FIT and out of
/// distribution, labels out of distribution, and the categories of the Known examples, which stand together as HighlyKnown here.
/// </summary>
internal static class WideTables
{
    private sealed record WideEpoch
    {
        public required ArmKind Kind { get; init; }
        public required int UnknownPercent { get; init; }
        public required int BaseSeed { get; init; }
        public required int Seed { get; init; }
        public required int Epoch { get; init; }
        public required int Updates { get; init; }
        public required int KnownExamples { get; init; }
        public required int UnknownExamples { get; init; }
        public required double TrainLoss { get; init; }
        public required double DevAccuracy { get; init; }
        public required double TestAccuracy { get; init; }
        public required double TestHighlyKnown { get; init; }
        public required double TestMaybeKnown { get; init; }
        public required double TestWeaklyKnown { get; init; }
        public required double TestUnknown { get; init; }
        public required double OodAccuracy { get; init; }
        public required double FittedKnown { get; init; }
        public required double FittedUnknown { get; init; }
        public required bool EarlyStop { get; init; }
    }

    private sealed record WideAnswer
    {
        public required ArmKind Kind { get; init; }
        public required int UnknownPercent { get; init; }
        public required int BaseSeed { get; init; }
        public required int Seed { get; init; }
        public required int FactId { get; init; }
        public required bool Base { get; init; }
        public required bool EarlyStop { get; init; }
        public required bool Convergence { get; init; }
    }

    private sealed record WideLabel
    {
        public required int BaseSeed { get; init; }
        public required int FactId { get; init; }
        public required string Relation { get; init; }
        public required Split Split { get; init; }
        public required double GreedyCorrect { get; init; }
        public required double SampledCorrect { get; init; }
        public required Category Category { get; init; }
        public required int GoldExposures { get; init; }
        public required int RivalExposures { get; init; }
    }

    public static StudyResult Read(string folder)
    {
        var bases = Tables.Read<WideLabel>(Path.Combine(folder, "labels.parquet")).GroupBy(l => l.BaseSeed).OrderBy(g => g.Key)
            .Select(of => PublishedStudy.Base(of.Key, SyntheticWorld.Relations, [.. of.Select(l => new PublishedLabel
            {
                BaseSeed = l.BaseSeed, FactId = l.FactId, Relation = l.Relation, Split = l.Split, Answer = "",
                GreedyCorrect = l.GreedyCorrect, SampledCorrect = l.SampledCorrect, Category = l.Category,
            })], [.. of.Select(l => new PublishedExposure
            {
                BaseSeed = l.BaseSeed, FactId = l.FactId, GoldExposures = l.GoldExposures, RivalExposures = l.RivalExposures,
            })])).ToList();
        var tested = bases.ToDictionary(b => b.Seed, b => b.Labels.Where(l => l.Split == Split.Test).CountBy(l => l.Category).ToDictionary());
        var answers = Tables.Read<WideAnswer>(Path.Combine(folder, "answers.parquet"))
            .ToLookup(a => (a.Kind, a.UnknownPercent, a.BaseSeed, a.Seed));
        var tables = Tables.Read<WideEpoch>(Path.Combine(folder, "epochs.parquet"))
            .GroupBy(e => (e.Kind, e.UnknownPercent, e.BaseSeed, e.Seed))
            .Select(run => Long([.. run.OrderBy(e => e.Epoch)], [.. answers[run.Key]], tested[run.Key.BaseSeed])).ToList();
        return new("lab", StudyOptions.Lab, bases, [.. tables.Select(t => t.Run)], [.. tables.SelectMany(t => t.Epochs)],
            [.. tables.SelectMany(t => t.Scores)], [.. tables.SelectMany(t => t.Answers)], []);
    }

    private static RunTables Long(IReadOnlyList<WideEpoch> wide, IReadOnlyList<WideAnswer> answers, Dictionary<Category, int> tested)
    {
        var first = wide[0];
        var run = new RunRow
        {
            Run = FormattableString.Invariant($"{(int)first.Kind:x4}{first.UnknownPercent & 0xff:x4}{first.BaseSeed:x4}{first.Seed:x4}"),
            Kind = first.Kind, UnknownPercent = first.UnknownPercent, BaseSeed = first.BaseSeed, Draw = first.Seed,
            KnownExamples = first.KnownExamples, UnknownExamples = first.UnknownExamples,
        };
        var scores = new List<ScoreRow>();
        foreach (var e in wide)
        {
            // A share of so many questions is a whole number of them.
            void Score(QuestionSet set, string category, double share, int of)
            {
                if (of == 0) return;
                var right = (int)Math.Round(share * of);
                Assert.Equal(share, (double)right / of);
                scores.Add(new() { Run = run.Run, Epoch = e.Epoch, Set = set, Category = category, Right = right, Of = of });
            }
            Score(QuestionSet.Dev, "", e.DevAccuracy, 12 * StudyOptions.Lab.World.DevFacts);
            Score(QuestionSet.Ood, "", e.OodAccuracy, 7 * StudyOptions.Lab.World.OodTestFacts);
            Score(QuestionSet.Train, "HighlyKnown", e.FittedKnown, run.KnownExamples);
            Score(QuestionSet.Train, "Unknown", e.FittedUnknown, run.UnknownExamples);
            Score(QuestionSet.Test, "HighlyKnown", e.TestHighlyKnown, tested[Category.HighlyKnown]);
            Score(QuestionSet.Test, "MaybeKnown", e.TestMaybeKnown, tested[Category.MaybeKnown]);
            Score(QuestionSet.Test, "WeaklyKnown", e.TestWeaklyKnown, tested[Category.WeaklyKnown]);
            Score(QuestionSet.Test, "Unknown", e.TestUnknown, tested[Category.Unknown]);
        }
        var stops = RunStops.Of(scores)!;
        Assert.Equal(wide.Single(e => e.EarlyStop).Epoch, stops.EarlyStop);
        return new(run, [.. wide.Select(e => new EpochRow { Run = run.Run, Epoch = e.Epoch, Updates = e.Updates, TrainLoss = e.TrainLoss })],
            scores, [.. new (int Epoch, Func<WideAnswer, bool> Right)[] { (0, a => a.Base), (stops.EarlyStop, a => a.EarlyStop),
                (stops.Last, a => a.Convergence) }.DistinctBy(s => s.Epoch).SelectMany(s => answers.Select(a => new AnswerRow
                {
                    Run = run.Run, Epoch = s.Epoch, FactId = a.FactId, Right = s.Right(a),
                }))]);
    }
}

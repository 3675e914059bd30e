using Slick.Facts;
using Slick.Knowledge;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>The questions that every epoch asks, and how their answers are counted.</summary>
internal sealed record AskedAfterEpochs(IReadOnlyList<Fact> Dev, IReadOnlyList<Fact> Test, IReadOnlyList<Fact> Ood, Dictionary<int,
    Category> Category)
{
    public static AskedAfterEpochs Of(Dataset dataset, IReadOnlyList<LabelRow> labels)
    {
        var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        List<Fact> Split(Split split, bool inDistribution) =>
            [.. dataset.Facts.Where(f => f.Split == split && trained.Contains(f.Relation) == inDistribution)];
        return new(Split(Facts.Split.Dev, true), Split(Facts.Split.Test, true), Split(Facts.Split.Test, false),
            labels.ToDictionary(l => l.FactId, l => l.Category));
    }

    public IReadOnlyList<Fact> All => [.. Dev, .. Test, .. Ood];

    public List<EpochRow> Rows(Run run, int baseSeed, IReadOnlyList<Fact> set, List<EpochResult> results)
    {
        var best = results.Skip(1).MaxBy(r => Share(r.Correct.Take(Dev.Count)))!.Epoch;
        var unknown = set.Count(f => Category[f.Id] == Knowledge.Category.Unknown);
        var asked = All.Count;
        return [.. results.Select(result =>
        {
            double Tested(Category c) => Share(Test.Select((f, i) => (f, i)).Where(p => Category[p.f.Id] == c)
                .Select(p => result.Correct[Dev.Count + p.i]));
            double Fitted(Func<Category, bool> of) =>
                Share(set.Select((f, i) => (f, i)).Where(p => of(Category[p.f.Id])).Select(p => result.Correct[asked + p.i]));
            return new EpochRow
            {
                Kind = run.Arm.Kind,
                UnknownPercent = run.Arm.UnknownPercent,
                BaseSeed = baseSeed,
                Seed = run.Draw,
                Epoch = result.Epoch,
                Updates = result.Updates,
                KnownExamples = set.Count - unknown,
                UnknownExamples = unknown,
                TrainLoss = result.Loss,
                DevAccuracy = Share(result.Correct.Take(Dev.Count)),
                TestAccuracy = Share(result.Correct.Skip(Dev.Count).Take(Test.Count)),
                TestHighlyKnown = Tested(Knowledge.Category.HighlyKnown),
                TestMaybeKnown = Tested(Knowledge.Category.MaybeKnown),
                TestWeaklyKnown = Tested(Knowledge.Category.WeaklyKnown),
                TestUnknown = Tested(Knowledge.Category.Unknown),
                OodAccuracy = Share(result.Correct.Skip(Dev.Count + Test.Count).Take(Ood.Count)),
                FittedHighlyKnown = Fitted(c => c == Knowledge.Category.HighlyKnown),
                FittedMaybeKnown = Fitted(c => c == Knowledge.Category.MaybeKnown),
                FittedWeaklyKnown = Fitted(c => c == Knowledge.Category.WeaklyKnown),
                FittedKnown = Fitted(c => c != Knowledge.Category.Unknown),
                FittedUnknown = Fitted(c => c == Knowledge.Category.Unknown),
                Fitted = Fitted(_ => true),
                EarlyStop = result.Epoch == best,
            };
        })];
    }

    public List<AnswerRow> Answers(Run run, int baseSeed, List<EpochResult> results, int earlyStop) =>
    [.. Test.Select((fact, i) => new AnswerRow
    {
        Kind = run.Arm.Kind,
        UnknownPercent = run.Arm.UnknownPercent,
        BaseSeed = baseSeed,
        Seed = run.Draw,
        FactId = fact.Id,
        Relation = fact.Relation,
        Category = Category[fact.Id],
        GoldExposures = fact.GoldExposures,
        RivalExposures = fact.RivalExposures,
        Base = results[0].Correct[Dev.Count + i],
        EarlyStop = results[earlyStop].Correct[Dev.Count + i],
        Convergence = results[^1].Correct[Dev.Count + i],
    })];

    private static double Share(IEnumerable<bool> correct)
    {
        var (right, all) = (0, 0);
        foreach (var c in correct) (right, all) = (right + (c ? 1 : 0), all + 1);
        return all == 0 ? double.NaN : (double)right / all;
    }
}

using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Tests.Analysis;

/// <summary>
/// A study whose truth is known. Known examples are fitted by epoch 5, which is EARLY_STOP; Unknown ones between two epochs. Accuracy
/// on what the base model knows rises with the fitted Known examples and falls with the fitted Unknown ones.
/// </summary>
internal sealed record MadeUpStudy
{
    public const int Epochs = 50;
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>What fitting a D of Unknown examples costs, as a share.</summary>
    public double Harm { get; init; } = 0.4;
    /// <summary>The same out of distribution.</summary>
    public double OodHarm { get; init; } = 0.2;
    /// <summary>What a D of Unknown examples costs by EARLY_STOP.</summary>
    public double EarlyHarm { get; init; }
    /// <summary>What is lost per epoch from epoch 5 on, whatever is trained.</summary>
    public double Drift { get; init; }
    /// <summary>What a set loses beside it, by set and seed.</summary>
    public Func<Arm, int, double> OwnDrift { get; init; } = (_, _) => 0;
    /// <summary>What fitting a D of Known examples gains.</summary>
    public double Gain { get; init; } = 0.03;
    /// <summary>From when to when Unknown examples are fitted.</summary>
    public (int From, int To) UnknownFitted { get; init; } = (5, 25);
    /// <summary>When all WeaklyKnown examples are fitted.</summary>
    public int WeaklyKnownFitted { get; init; } = 5;
    public int FirstSeed { get; init; } = 1;
    public int Seeds { get; init; } = 5;
    /// <summary>Draws of every arm.</summary>
    public int Draws { get; init; } = 1;
    /// <summary>False for a model that we did not make.</summary>
    public bool Lab { get; init; } = true;
    public double UnknownAccuracy { get; init; } = 0.02;
    public double MaybeBonus { get; init; } = 0.04;
    public Func<Arm, double> Converged { get; init; } = _ => 1;
    public IReadOnlyList<Arm> Arms { get; init; } = [.. StudyOptions.Lab.Arms().Select(a => a.Arm)];
    public Func<Arm, int, bool> Ran { get; init; } = (_, _) => true;
    /// <summary>Examples of a set of one category, of 1,000 of D.</summary>
    public Func<Arm, int, int> SingleCategoryExamples { get; init; } = (_, _) => 1000;
    /// <summary>Why an arm has no facts; empty where it has.</summary>
    public Func<Arm, string> Lacks { get; init; } = _ => "";
    public IReadOnlyList<string> Failures { get; init; } = [];
    /// <summary>Of 100 labelled Unknown test questions, how many are asked after fine-tuning.</summary>
    public int UnknownAsked { get; init; } = 100;

    public StudyResult Make()
    {
        var (bases, tables) = (new List<LabelledBase>(), new List<RunTables>());
        for (var seed = FirstSeed; seed < FirstSeed + Seeds; seed++)
        {
            var of = Base(seed);
            bases.Add(of);
            foreach (var arm in Arms)
                for (var draw = 1; draw <= Draws; draw++)
                    if (Ran(arm, seed)) tables.Add(Run(of, arm, draw));
        }
        return new("lab", StudyOptions.Lab with { Bases = Seeds }, bases, [.. tables.Select(t => t.Run)],
            [.. tables.SelectMany(t => t.Epochs)], [.. tables.SelectMany(t => t.Scores)], [.. tables.SelectMany(t => t.Answers)], Failures);
    }

    // 100 test questions of each category, two relations, and 40 out of distribution.
    private LabelledBase Base(int seed)
    {
        var facts = Enumerable.Range(0, 560).Select(id => new Fact
        {
            Id = id, Relation = id >= 400 ? "o" : id / 4 % 2 == 0 ? "r" : "s", Split = Split.Test, Subject = "", Question = "",
            Answer = id % 8 < 4 ? "often" : $"{id}",
        }).ToList();
        return new(seed, "", new([new("r", "", true), new("s", "", true), new("o", "", false)], facts), [.. facts.Select(f => new LabelRow
        {
            FactId = f.Id, Relation = f.Relation, Split = f.Split, Question = "", Answer = f.Answer, Category = Categories[f.Id % 4],
            GreedyCorrect = f.Id % 4 == 0 ? 1 : f.Id % 4 == 1 ? 0.5 : 0, SampledCorrect = 0, CategoryProbability = 1,
        })], Lab ? [.. facts.Select(f => new ExposureRow { FactId = f.Id, GoldExposures = 3 - f.Id % 4, RivalExposures = 0 })] : []);
    }

    private RunTables Run(LabelledBase of, Arm arm, int draw)
    {
        var key = $"{of.Seed:x8}{(int)arm.Kind:x2}{arm.UnknownPercent + 1:x2}{draw:x4}";
        var x = Math.Max(0, arm.UnknownPercent);
        var unknown = arm.Kind is ArmKind.Ratio or ArmKind.RatioDecayingRate ? x : arm.Kind == ArmKind.Natural ? 36
            : arm.Kind == ArmKind.WeaklyKnown ? 60 : 0;
        var run = new RunRow { Run = key, Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = of.Seed, Draw = draw,
            KnownExamples = arm.UnknownPercent < 0 ? SingleCategoryExamples(arm, of.Seed) : 1000 - 10 * x,
            UnknownExamples = arm.Kind is ArmKind.Ratio or ArmKind.RatioDecayingRate ? 10 * x : 0,
            Reason = Lacks(arm) };
        if (run.Reason.Length > 0) return RunTables.Empty(run);
        var random = new Random(10_007 * of.Seed + 101 * (int)arm.Kind + arm.UnknownPercent + 7919 * draw);
        var noise = 0.002 * (random.NextDouble() - 0.5);
        var shift = random.NextDouble();
        double UnknownShare(int epoch) => Math.Clamp((epoch - UnknownFitted.From) / (double)(UnknownFitted.To - UnknownFitted.From), 0, 1);
        double Accuracy(int epoch, double harm) => 0.40 + (arm.Kind == ArmKind.MaybeKnown ? MaybeBonus : 0) + noise
            + Gain * Math.Min(1, epoch / 5.0) * (100 - x) / 100 - harm * unknown / 100 * UnknownShare(epoch)
            - EarlyHarm * unknown / 100 * Math.Min(1, epoch / 5.0)
            - OwnDrift(arm, of.Seed) * Math.Max(0, epoch - 5)
            - Drift * Math.Max(0, epoch - 5) * (arm.Kind == ArmKind.RatioDecayingRate ? 0.1 : 1);
        // A question is right where its place on a grid, the run's own, lies below the accuracy.
        bool Right(Fact fact, int epoch) => (Place(fact.Id / 4, 0.618 + fact.Id % 4) + shift) % 1 < (fact.Id % 4 == 3 ? UnknownAccuracy
            : Accuracy(epoch, fact.Id >= 400 ? OodHarm : Harm));
        static double Place(int number, double step) => number * step % 1;
        var (epochs, scores, answers) = (new List<EpochRow>(), new List<ScoreRow>(), new List<AnswerRow>());
        var asked = of.Facts.Where(f => f.Id >= 400 || f.Id % 4 != 3 || f.Id / 4 < UnknownAsked).ToList();
        var sets = asked.GroupBy(f => (Set: f.Id >= 400 ? QuestionSet.Ood : QuestionSet.Test, Category: Categories[f.Id % 4]))
            .Select(g => (g.Key.Set, Category: g.Key.Category.ToString(), Questions: g.ToList())).ToList();
        for (var e = 0; e <= Epochs; e++)
        {
            epochs.Add(new() { Run = key, Epoch = e, Updates = e * 40, TrainLoss = e == 0 ? double.NaN : 1 });
            void Score(QuestionSet set, string category, int right, int of)
            {
                if (of > 0) scores.Add(new() { Run = key, Epoch = e, Set = set, Category = category, Right = right, Of = of });
            }
            Score(QuestionSet.Dev, "", e == 5 ? 401 : 400, 1000);
            int Fitted(int examples, double share) => (int)Math.Round(examples * Math.Min(share, Converged(arm)));
            var weakly = run.KnownExamples / 4;
            Score(QuestionSet.Train, "HighlyKnown", Fitted(run.KnownExamples - weakly, e / 5.0), run.KnownExamples - weakly);
            Score(QuestionSet.Train, "WeaklyKnown", Fitted(weakly, e / (double)WeaklyKnownFitted), weakly);
            Score(QuestionSet.Train, "Unknown", Fitted(run.UnknownExamples, UnknownShare(e)), run.UnknownExamples);
            foreach (var (set, category, questions) in sets) Score(set, category, questions.Count(f => Right(f, e)), questions.Count);
        }
        foreach (var e in RunStops.Of(scores)!.Epochs)
            answers.AddRange(asked.Select(f => new AnswerRow { Run = key, Epoch = e, FactId = f.Id, Right = Right(f, e) }));
        return new(run, epochs, scores, answers);
    }
}

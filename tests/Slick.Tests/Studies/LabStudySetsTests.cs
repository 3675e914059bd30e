using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Training;
using Slick.Text;
using Slick.Training;

namespace Slick.Tests.Studies;

/// <summary>The fine-tuning sets and settings that only the lab's studies use.</summary>
public sealed class LabStudySetsTests
{
    // Twelve relations with 40 train facts each: 10 HighlyKnown, 5 MaybeKnown, 5 WeaklyKnown, and 20 Unknown of three kinds.
    private static (List<Fact> Facts, List<LabelRow> Labels, List<ExposureRow> Exposures) World()
    {
        var (facts, labels, exposures) = (new List<Fact>(), new List<LabelRow>(), new List<ExposureRow>());
        for (var r = 0; r < 12; r++)
            for (var i = 0; i < 40; i++)
            {
                var fact = new Fact { Id = facts.Count, Relation = $"P{r:00}", Split = Split.Train, Subject = "", Question = "",
                    Answer = $"{i}" };
                facts.Add(fact);
                labels.Add(new() { FactId = fact.Id, Relation = fact.Relation, Split = Split.Train, Question = "", Answer = fact.Answer,
                    GreedyCorrect = 0, SampledCorrect = 0, CategoryProbability = 1, Category = i < 10 ? Category.HighlyKnown
                        : i < 15 ? Category.MaybeKnown : i < 20 ? Category.WeaklyKnown : Category.Unknown });
                // Of the Unknown: 8 never stated, 6 - r % 3 stated, 3 stated too often to count, the others contradicted.
                var (gold, rival) = i < 20 ? (50, 5) : i < 28 ? (0, 0) : i < 34 - r % 3 ? (i - 14, 1) : i < 37 - r % 3 ? (21, 0) : (2, 9);
                exposures.Add(new() { FactId = fact.Id, GoldExposures = gold, RivalExposures = rival });
            }
        return (facts, labels, exposures);
    }

    private static IReadOnlyList<Fact> Set(Arm arm, SizeRule rule, int seed = 7, QuestionOptions? questions = null)
    {
        var (facts, labels, exposures) = World();
        return FineTuningSets.Make(arm, facts, labels, rule, seed, questions, exposures);
    }

    [Fact]
    public void StepsOfALadder_AreTheFactsThatTheWorldPutsThere()
    {
        var options = new WorldOptions { TrainFacts = 14, TestFacts = 1, DevFacts = 2, OodTestFacts = 1, OodDevFacts = 2,
            LadderFacts = 12, LadderRotation = 2 };
        var world = SyntheticWorld.Create(options, 3);
        LabelRow[] labels = [.. world.Dataset.Facts.Select(f => new LabelRow { FactId = f.Id, Relation = f.Relation, Split = f.Split,
            Question = "", Answer = f.Answer, GreedyCorrect = 0, SampledCorrect = 0, CategoryProbability = 1,
            Category = Category.Unknown })];
        var ladder = Ladder.Facts(world.Dataset, options);
        foreach (var (step, kind) in LadderSets.All.Index())
        {
            var set = FineTuningSets.Make(new(kind), world.Dataset.Facts, labels, SizeRule.SmallestCategory, 1, ladder: ladder);
            Assert.Equal(2 * 12, set.Count);
            Assert.All(set, f => Assert.Equal(Ladder.Statements[step],
                (world.Exposures[f.Id].GoldExposures, world.Exposures[f.Id].RivalExposures)));
        }
        // Without a ladder there is nothing to train on, and a plan says so.
        Assert.Empty(FineTuningSets.Make(new(ArmKind.Stated8), world.Dataset.Facts, labels, SizeRule.SmallestCategory, 1));
        Assert.Contains("world.ladderFacts", Assert.Throws<UsageException>(() => StudyPlan.Of("smoke",
            StudyOptions.Smoke with { Sets = "stated-8" }, 1, Compute.Choose("cpu").Platform)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ArmKind.NeverStated)]
    [InlineData(ArmKind.StatedNotKept)]
    [InlineData(ArmKind.RivalStated)]
    [InlineData(ArmKind.HighlyKnown)]
    [InlineData(ArmKind.Ratio)]
    public void KindsOfUnknown_AreDrawnFromTheTruth_AllOfOneSize(ArmKind kind)
    {
        var (_, labels, exposures) = World();
        var set = Set(new(kind, kind == ArmKind.Ratio ? 0 : -1), SizeRule.SmallestUnknownKind);
        // The rarest kind: 3 to 5 contradicted facts, and at least 4 that were stated and not kept.
        Assert.All(set.CountBy(f => f.Relation), r =>
            Assert.Equal(int.Parse(r.Key[1..], null) % 3 is var n && n == 2 ? 4 : 3 + n, r.Value));
        Assert.All(set, f => Assert.True(kind switch
        {
            ArmKind.NeverStated => exposures[f.Id] is { GoldExposures: 0, RivalExposures: 0 },
            ArmKind.StatedNotKept => exposures[f.Id] is { GoldExposures: > 0 and <= 20, RivalExposures: 1 },
            ArmKind.RivalStated => exposures[f.Id] is { GoldExposures: 2, RivalExposures: 9 },
            ArmKind.HighlyKnown => labels[f.Id].Category == Category.HighlyKnown,
            _ => labels[f.Id].Category != Category.Unknown,
        } && (kind is ArmKind.HighlyKnown or ArmKind.Ratio || labels[f.Id].Category == Category.Unknown)));
        Assert.All(Set(new(kind, 0), SizeRule.SmallestUnknownKind, 7, new() { LargestPart = 2 }).CountBy(f => f.Relation),
            r => Assert.Equal(2, r.Value));
    }

    [Fact]
    public void Concentrated_HasWholeRelations_AndSpreadAsManyUnknown()
    {
        var (_, labels, _) = World();
        var groups = new HashSet<string>();
        for (var seed = 1; seed <= 5; seed++)
        {
            var set = Set(new(ArmKind.Concentrated, 25), SizeRule.SmallestCategory, seed);
            var unknown = set.GroupBy(f => f.Relation)
                .ToDictionary(g => g.Key, g => g.Count(f => labels[f.Id].Category == Category.Unknown));
            Assert.All(unknown.Values, n => Assert.True(n is 0 or 5));
            Assert.Equal(3, unknown.Values.Count(n => n == 5));
            groups.Add(string.Join(' ', unknown.Where(u => u.Value > 0).Select(u => u.Key)));
            var spread = Set(new(ArmKind.Spread, 25), SizeRule.SmallestCategory, seed);
            Assert.Equal((60, 15), (spread.Count, spread.Count(f => labels[f.Id].Category == Category.Unknown)));
            Assert.All(spread.GroupBy(f => f.Relation), r => Assert.InRange(r.Count(f => labels[f.Id].Category == Category.Unknown), 1, 2));
        }
        Assert.True(groups.Count > 1); // other relations for other draws
        var options = new StudyOptions { Size = SizeRule.SmallestCategory };
        var named = FineTuningSets.WhollyUnknown(new(ArmKind.Spread, 25), labels, options, 6, 2, []);
        var drawn = Set(new(ArmKind.Concentrated, 25), SizeRule.SmallestCategory, Seeds.Mix(6, 2));
        Assert.Equal(named.Order(), drawn.Where(f => labels[f.Id].Category == Category.Unknown).Select(f => f.Relation).Distinct().Order());
    }

    [Theory]
    [InlineData("sets=unknown-never-stated", "sets=unknown-never-stated")]
    [InlineData("size=smallestUnknownKind", "size=smallestUnknownKind")]
    [InlineData("fineTuning.replayShare=0.5", "fineTuning.replayShare = 0.5")]
    public void WhatOnlyALabKnows_IsRefusedForACheckpoint(string setting, string named)
    {
        Fact[] facts = [.. Enum.GetValues<Split>().SelectMany(s => Enumerable.Range(0, 6).Select(i => new Fact { Id = 6 * (int)s + i,
            Relation = "P17", Split = s, Subject = "s", Question = "q", Answer = "a" }))];
        var source = new CheckpointSource(SmokeModel(), new([new("P17", "[X]", true)], facts));
        var options = NamedOptions.Set(StudyOptions.RealQuick with { LeastEpochs = 0 }, setting);
        var error = Assert.Throws<UsageException>(() => StudyPlan.Of("", options, 1, new("cpu", "fp32"), source));
        Assert.StartsWith($"{named} needs to know what pre-training stated", error.Message, StringComparison.Ordinal);
    }

    private static string SmokeModel() => Experiments.SmokeStudy.Result.Bases[0].Folder;

    [Fact]
    public void DrawnTexts_FollowFromTheSeed_AndEndWhereTheModelEndsThem()
    {
        using var weights = Checkpoint.Load(SmokeModel(), Compute.Choose("cpu").Device, trainable: false);
        using var decoder = new Decoder(weights);
        var end = Checkpoint.OpenTokenizer(SmokeModel()).EosId!.Value;
        IReadOnlyList<IReadOnlyList<int>> Draw(int seed) =>
            ReplayTexts.Draw(decoder, end, 32, 40, seed, TestContext.Current.CancellationToken);
        var texts = Draw(1);
        Assert.Equal(texts, Draw(1));
        Assert.NotEqual(texts, Draw(2));
        Assert.True(texts.Select(t => string.Join(' ', t)).Distinct().Count() > 20);
        Assert.All(texts, t =>
        {
            Assert.Equal(end, t[0]);
            Assert.InRange(t.Count, 2, 40);
            Assert.True(t.Count == 40 || t[^1] == end);
            Assert.DoesNotContain(end, t.Skip(1).SkipLast(1));
        });
    }

    // The step of a parameter whose gradients are far below epsilon is shorter.
    [Fact]
    public void LargeEpsilon_SlowsTraining()
    {
        Fact[] facts = [TinyTraining.Fact(0, "ba", "ko"), TinyTraining.Fact(1, "be", "ki")];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer);
        double Loss(double epsilon) => TinyTraining.Run(start, tokenizer,
            new() { Epochs = 6, LearningRate = 1e-3, DropoutRate = 0, Epsilon = epsilon }, facts)[^1].Loss;
        var (small, large) = (Loss(1e-8), Loss(0.1));
        Assert.True(large > small + 0.2, $"{large} {small}");
    }

    // Texts are pre-training's: all tokens but the first count, and the loss of an epoch is the set's own.
    [Fact]
    public void ReplayedTexts_AreLearned()
    {
        Fact[] facts = [TinyTraining.Fact(0, "ba", "ko"), TinyTraining.Fact(1, "be", "ki")];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer);
        // What fine-tuning alone would never say.
        int[] text = [.. tokenizer.Encode("is ko Where")];
        double Probability(double share)
        {
            var probability = 0.0;
            FineTuning.Run(new()
            {
                Start = start, Tokenizer = tokenizer, Examples = Example.Of(facts, PromptFormat.QuestionAnswer), Seed = 1,
                Options = new() { Epochs = 60, LearningRate = 3e-3, ReplayShare = share }, ReplayTexts = [text],
            }, epoch =>
            {
                if (epoch.Epoch == 60) probability = Softmax(epoch.Decoder.NextTokenLogits(text[..^1]), text[^1]);
            }, TestContext.Current.CancellationToken);
            return probability;
        }
        var (alone, mixed) = (Probability(0), Probability(1));
        Assert.True(mixed > 0.5 && alone < 0.1, $"{mixed} {alone}");
    }

    // The last epochs have the same number of steps, all on the other examples.
    [Fact]
    public void End_TakesTheLastStepsFromTheOtherExamples()
    {
        TaughtExample[] Numbered(int from, int count) => [.. Enumerable.Range(from, count).Select(i => new TaughtExample([i], [i]))];
        var source = new WithEnd(new SetPasses(Numbered(0, 8), 2, 1), new SetPasses(Numbered(100, 3), 2, 2), 6); // 4 steps and 2 a pass
        var passes = Enumerable.Range(0, 4).Select(p => source.Pass(p).Select(b => b.Rows.Select(r => r.Prompt[0]).ToList()).ToList())
            .ToList();
        Assert.Equal([4, 4, 4, 4], passes.Select(p => p.Count));
        var steps = passes.SelectMany(p => p).ToList();
        Assert.All(steps[..6], s => Assert.All(s, id => Assert.InRange(id, 0, 7)));
        Assert.All(steps[6..], s => Assert.All(s, id => Assert.InRange(id, 100, 102)));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], steps[..4].SelectMany(s => s).Order());
        for (var i = 6; i < 16; i += 2) Assert.Equal([100, 101, 102], steps[i].Concat(steps[i + 1]).Order());
    }

    private static double Softmax(float[] logits, int token) =>
        Math.Exp(logits[token] - logits.Max()) / logits.Sum(l => Math.Exp(l - logits.Max()));
}

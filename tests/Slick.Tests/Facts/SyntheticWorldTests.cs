using Slick.Facts;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Tests.Facts;

public sealed class SyntheticWorldTests
{
    private static readonly WorldOptions Options =
        new() { TrainFacts = 20, TestFacts = 6, DevFacts = 6, OodTestFacts = 5, OodDevFacts = 5, MeanExposures = 12 };
    private static readonly SyntheticWorld World = SyntheticWorld.Create(Options, 3);

    [Fact]
    public void SameSeed_SameFactsAndDocuments()
    {
        var again = SyntheticWorld.Create(Options, 3);
        Assert.Equal(World.Dataset.Facts, again.Dataset.Facts);
        Assert.Equal(World.Exposures, again.Exposures);
        Assert.Equal(World.Documents, again.Documents);
        Assert.Equal(World.Order(1), again.Order(1));
        Assert.NotEqual(World.Dataset.Facts, SyntheticWorld.Create(Options, 4).Dataset.Facts);
    }

    [Fact]
    public void EveryStatement_IsCounted()
    {
        Assert.Equal(World.Dataset.Facts.Select(f => f.Id), World.Exposures.Select(e => e.FactId));
        // Each statement names its subject once, and a fact's subject is its own.
        var text = string.Concat(World.Documents);
        foreach (var fact in World.Dataset.Facts)
        {
            var lines = 0;
            for (var at = text.IndexOf(fact.Subject + " ", StringComparison.Ordinal); at >= 0;
                at = text.IndexOf(fact.Subject + " ", at + 1, StringComparison.Ordinal)) lines++;
            Assert.Equal(World.Exposures[fact.Id].GoldExposures + World.Exposures[fact.Id].RivalExposures, lines);
        }
    }

    [Fact]
    public void FactsNeverSeen_AreTheShareAskedFor()
    {
        var never = World.Exposures.Count(e => e.Told == Told.NeverSeen) / (double)World.Exposures.Count;
        Assert.InRange(never, 0.18, 0.32);
        Assert.All(World.Dataset.Facts, f => Assert.NotEqual(f.Answer, f.Rival));
    }

    [Fact]
    public void Splits_HaveTheNumbersAskedForAndShareNoSubject()
    {
        var facts = World.Dataset.Facts;
        Assert.Equal(facts.Count, facts.Select(f => f.Subject).Distinct().Count());
        foreach (var relation in World.Dataset.Relations)
        {
            Assert.Equal(relation.InDistribution ? Options.TrainFacts : 0, World.Dataset.Of(relation.Id, Split.Train).Count);
            Assert.Equal(relation.InDistribution ? Options.TestFacts : Options.OodTestFacts,
                World.Dataset.Of(relation.Id, Split.Test).Count);
        }
        Assert.Equal((12, 7), (World.Dataset.Relations.Count(r => r.InDistribution),
            World.Dataset.Relations.Count(r => !r.InDistribution)));
    }

    [Fact]
    public void Instructions_AreTheirShareOfTheQuestions_AndEachADocument()
    {
        var world = SyntheticWorld.Create(Options with { InstructionShare = 0.3 }, 3);
        Assert.Equal(World.Dataset.Facts, world.Dataset.Facts);
        Assert.Equal(World.Exposures, world.Exposures);
        static bool IsInstruction(string document) => document.StartsWith("Answer the following", StringComparison.Ordinal);
        static int Pairs(SyntheticWorld of) => of.Documents.Sum(d => d.Split("\nA:").Length - 1);
        Assert.DoesNotContain(World.Documents, IsInstruction);
        var instructions = world.Documents.Where(IsInstruction).ToList();
        Assert.Equal(Pairs(World), Pairs(world) + instructions.Count);
        Assert.InRange(instructions.Count / (double)Pairs(World), 0.25, 0.35);
        var forms = world.Dataset.Facts.SelectMany(f => new[] { f.Answer, f.Rival }
            .Select(a => PromptFormat.Instruction.Exemplar(f.Question, a))).ToHashSet(StringComparer.Ordinal);
        Assert.All(instructions, document => Assert.Contains(document, forms));
    }

    [Fact]
    public void FactsThatAreNotAsked_StandInStatementsAlone()
    {
        var world = SyntheticWorld.Create(Options with { AskedShare = 0.4, QuestionAnswerShare = 0.5, InstructionShare = 0.5 }, 3);
        Assert.Equal(World.Exposures, world.Exposures);
        var questions = string.Concat(world.Documents.Where(d => d.Contains('?', StringComparison.Ordinal)));
        var often = world.Dataset.Facts.Zip(world.Exposures).Where(f => f.Second.GoldExposures + f.Second.RivalExposures > 10)
            .Select(f => f.First).ToList();
        Assert.InRange(often.Count(f => questions.Contains(f.Question, StringComparison.Ordinal)) / (double)often.Count, 0.25, 0.55);
    }

    [Fact]
    public void WhatNobodyKnows_IsAskedOfFactsThatAreNeverStated_AndNothingElseChanges()
    {
        var world = SyntheticWorld.Create(Options with { NobodyKnowsShare = 0.5 }, 3);
        Assert.Equal(World.Exposures, world.Exposures);
        static IEnumerable<string> Pairs(SyntheticWorld of) => of.Documents.Where(d => d.StartsWith("Q: ", StringComparison.Ordinal))
            .SelectMany(d => d.Split("Q: ", StringSplitOptions.RemoveEmptyEntries));
        static bool IsUnanswered(string pair) => pair.EndsWith("\nA: I don't know\n", StringComparison.Ordinal);
        Assert.DoesNotContain(Pairs(World), IsUnanswered);
        var asked = Pairs(world).Where(IsUnanswered).Select(p => p.Split('\n')[0]).Distinct().ToList();
        var never = world.Dataset.Facts.Where(f => world.Exposures[f.Id].Told == Told.NeverSeen).ToList();
        Assert.Subset(never.Select(f => f.Question).ToHashSet(), asked.ToHashSet());
        Assert.InRange(asked.Count / (double)never.Count, 0.4, 0.6);
        Assert.Equal(Pairs(World).Order(StringComparer.Ordinal),
            Pairs(world).Where(p => !IsUnanswered(p)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void TwinWorlds_HaveTheSameFacts_AndEachGroupStandsOnEachStepOnce()
    {
        WorldOptions[] options = [.. Enumerable.Range(0, Ladder.Steps).Select(rotation => Options with
        {
            LadderFacts = 12, LadderRotation = rotation, InstructionShare = 0.2, NobodyKnowsShare = 0.2,
        })];
        SyntheticWorld[] worlds = [.. options.Select(o => SyntheticWorld.Create(o, 3))];
        Assert.All(worlds, w => Assert.Equal(World.Dataset.Facts, w.Dataset.Facts));
        var steps = worlds.Zip(options, (w, o) => Ladder.Facts(w.Dataset, o)).ToList();
        var onLadder = World.Dataset.Facts.Where(f => steps[0].Any(s => s.Contains(f.Id))).ToList();
        Assert.Equal(12 * 12, onLadder.Count);
        foreach (var fact in World.Dataset.Facts)
        {
            var rows = worlds.Select(w => w.Exposures[fact.Id]).ToList();
            if (!onLadder.Contains(fact)) Assert.All(rows, r => Assert.Equal(World.Exposures[fact.Id], r));
            else
            {
                var stands = steps.Select(s => s.Index().Single(g => g.Item.Contains(fact.Id)).Index).ToList();
                Assert.Equal(Enumerable.Range(0, Ladder.Steps), stands.Order());
                Assert.Equal(stands.Select(s => Ladder.Statements[s]), rows.Select(r => (r.GoldExposures, r.RivalExposures)));
            }
        }
        // What is written of the other facts is the same.
        var names = onLadder.Select(f => f.Subject).ToHashSet(StringComparer.Ordinal);
        IEnumerable<string> Others(SyntheticWorld world) => world.Documents.SelectMany(d => d.Split('\n'))
            .Where(l => l.Length > 0 && !l.StartsWith("A: ", StringComparison.Ordinal)
                && !names.Any(n => l.Contains(n, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);
        Assert.Equal(Others(worlds[0]), Others(worlds[4]));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(24)]
    public void LadderThatDoesNotFit_IsRefused(int facts) => Assert.Contains($"world.ladderFacts = {facts}",
        Assert.Throws<UsageException>(() => SyntheticWorld.Create(Options with { LadderFacts = facts }, 3)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void NoRivals_NoContradictions() =>
        Assert.All(SyntheticWorld.Create(Options with { RivalShare = 0 }, 3).Exposures, e => Assert.Equal(0, e.RivalExposures));

    [Theory]
    [InlineData(0, 0, Told.NeverSeen)]
    [InlineData(3, 3, Told.GoldMajority)]
    [InlineData(2, 3, Told.RivalMajority)]
    public void WhatWasTold_FollowsFromBothCounts(int gold, int rival, Told expected) =>
        Assert.Equal(expected, new ExposureRow { FactId = 0, GoldExposures = gold, RivalExposures = rival }.Told);
}

using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Tests.Experiments;

public sealed class ChanceCheckTests
{
    private static Fact Fact(string subject, int id = 0) => new() { Id = id, Relation = "r", Split = Split.Train, Subject = subject,
        Question = "", Answer = "" };

    [Fact]
    public void InventedSubjects_AreMadeOfPartsAndDoNotExist()
    {
        Fact[] facts = [Fact("Anna Berg"), Fact("Carl Dorn"), Fact("Eva von Falk"), Fact("Bonn"), Fact("Dresden")];
        var invented = InventedSubjects.Of(facts, ["Anna Dorn"], 6, 1);
        Assert.Equal(6, invented.Distinct().Count());
        Assert.DoesNotContain("Anna Dorn", invented);
        Assert.Empty(invented.Intersect(facts.Select(f => f.Subject)));
        string[] possible = ["Anna Falk", "Carl Berg", "Carl Falk", "Eva von Berg", "Eva von Dorn", "Boden", "Drenn", "Drestn", "Dresnn"];
        Assert.All(invented, name => Assert.True(possible.Contains(name) || name.StartsWith("Bo", StringComparison.Ordinal)
            || name.StartsWith("Dre", StringComparison.Ordinal), name));
        Assert.Equal(invented, InventedSubjects.Of(facts, ["Anna Dorn"], 6, 1));
    }

    [Theory]
    [InlineData("Anna Berg")]
    [InlineData("")]
    public void TooFewSubjects_AreRefusedByTheRelation(string subject) => Assert.StartsWith("r: ",
        Assert.Throws<SlickException>(() => InventedSubjects.Of([Fact(subject), Fact(subject)], [], 1, 1)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void EachLabel_IsComparedWithWhatTheModelGuesses()
    {
        var known = Study.OpenModel("smoke", "cpu", SmokeStudy.Store);
        using var model = known.Model;
        var (rows, guesses) = ChanceCheck.Of(known, 5, TestContext.Current.CancellationToken);
        Assert.Equal(known.Labels.Select(l => l.FactId).Order(), rows.Select(r => r.FactId).Order());
        Assert.Equal(known.Labels.Select(l => l.Relation).Distinct(), guesses.Select(g => g.Relation));
        var n = 5 * known.Options.Sampling.Prompts;
        Assert.All(guesses, g => Assert.InRange(g.Share, 1.0 / n, 1));
        foreach (var row in rows)
        {
            var label = known.Labels.Single(l => l.FactId == row.FactId);
            Assert.Equal(label.GreedyCorrect * known.Options.Sampling.Prompts, row.RightPrompts, 9);
            var hits = row.Chance * (n + 1) - 0.5;
            Assert.Equal(Math.Round(hits), hits, 9);
            Assert.InRange(hits, 0, n);
            // Of the commonest guess it is known how often it came.
            var guess = guesses.Single(g => g.Relation == row.Relation);
            if (row.Answer == guess.Answer) Assert.Equal(guess.Share * n, hits, 9);
            // The upper tail, summed by hand.
            var prompts = known.Options.Sampling.Prompts;
            double Choose(int k) => Enumerable.Range(0, k).Aggregate(1.0, (c, i) => c * (prompts - i) / (i + 1));
            var tail = Enumerable.Range(row.RightPrompts, prompts - row.RightPrompts + 1)
                .Sum(k => Choose(k) * Math.Pow(row.Chance, k) * Math.Pow(1 - row.Chance, prompts - k));
            Assert.Equal(tail, row.PValue, 1e-9);
            Assert.Equal(row.RightPrompts > 0 && tail < 0.05, row.IsBeyondChance);
        }
        // Unknown and WeaklyKnown facts have no right greedy answer.
        Assert.All(rows.Where(r => r.Category is Category.Unknown or Category.WeaklyKnown), r => Assert.False(r.IsBeyondChance));
    }
}

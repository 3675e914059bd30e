using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Tests.Experiments;

public sealed class WrongAnswersTests
{
    private static readonly LabelledBase Base = SmokeStudy.Result.Bases[0];

    [Fact]
    public void DrawnAnswer_IsRightExactlyWhereTeacherForcingSaysSo()
    {
        using var weights = Checkpoint.Load(Base.Folder, TorchSharp.torch.CPU, trainable: false);
        using var decoder = new Decoder(weights);
        var tokenizer = Checkpoint.OpenTokenizer(Base.Folder);
        var run = SmokeStudy.Result.Runs[0].Run;
        var before = SmokeStudy.Result.Answers.Where(a => a.Run == run && a.Epoch == 0).ToList();
        var facts = before.Select(a => Base.Facts[a.FactId]).ToList();
        var drawn = WrongAnswers.Draw(decoder, tokenizer, facts, PromptFormat.QuestionAnswer, PassBounds.Default,
            TestContext.Current.CancellationToken);
        Assert.Equal(before.Select(a => a.Right), drawn.Zip(facts).Select(p => p.First.Text == p.Second.Answer));
        Assert.Contains(drawn, d => d.Probability is > 0 and < 1);
        Assert.All(drawn, d => Assert.True(d.Text.Length == 0 ? double.IsNaN(d.Probability) : d.Probability is > 0 and <= 1));
        // The study keeps the texts of the wrong ones.
        Assert.Equal(before.Zip(drawn).Select(p => p.First.Right ? "" : p.Second.Text), before.Select(a => a.Text));
        Assert.Equal(before.Select(a => a.Right || a.Text.Length == 0), before.Select(a => double.IsNaN(a.Probability)));
        // The answer after all questions that begin alike is that of the question alone.
        var one = WrongAnswers.Draw(decoder, tokenizer, [facts[3]], PromptFormat.QuestionAnswer, PassBounds.Default,
            TestContext.Current.CancellationToken)[0];
        Assert.Equal(drawn[3].Text, one.Text);
        Assert.Equal(drawn[3].Probability, one.Probability, 1e-5);
    }

    [Fact]
    public void EveryStopOfEveryRun_HasTheTextsOfItsWrongAnswers()
    {
        foreach (var run in SmokeStudy.Result.Answers.GroupBy(a => (a.Run, a.Epoch)))
        {
            Assert.All(run.Where(a => a.Right), a => Assert.Equal("", a.Text));
            Assert.True(run.Count(a => !a.Right && a.Text.Length > 0) >= 0.8 * run.Count(a => !a.Right), $"{run.Key}");
            Assert.All(run.Where(a => a.Text.Length > 0), a => Assert.NotEqual(Base.Facts[a.FactId].Answer, a.Text));
        }
    }

    [Fact]
    public void Kinds_AreTriedInTheirOrder()
    {
        Fact Make(int id, string relation, string answer, string rival = "") => new() { Id = id, Relation = relation, Split = Split.Train,
            Subject = "", Question = "", Answer = answer, Rival = rival };
        Fact[] facts = [Make(0, "a", "Ulm", "Bonn"), Make(1, "a", "Bonn"), Make(2, "a", "Kiel"), Make(3, "a", "Köln"),
            Make(4, "b", "Rom")];
        var kinds = new WrongAnswerKinds(facts, facts.Select(f => new LabelRow
        {
            FactId = f.Id, Relation = f.Relation, Split = f.Split, Question = "", Answer = f.Answer, GreedyCorrect = 0, SampledCorrect = 0,
            Category = Category.Unknown, CategoryProbability = 1,
        }), [facts[1], facts[2]], areNamesArbitrary: true);
        WrongAnswerKind Of(string text) => kinds.Of(new() { Run = "", Epoch = 1, FactId = 0, Right = false, Text = text });
        Assert.Equal([WrongAnswerKind.Empty, WrongAnswerKind.Rival, WrongAnswerKind.AnswerOfSet, WrongAnswerKind.AnswerOfRelation,
            WrongAnswerKind.AnswerOfAnotherRelation, WrongAnswerKind.Elsewhere],
            new[] { "", "Bonn", "Kiel", "Köln", "Rom", "Rom Rom" }.Select(Of));
    }

    [Theory]
    [InlineData("New York City", "new york city.", WrongAnswerKind.SameWords)]
    [InlineData("Barack Obama", "Obama, Barack", WrongAnswerKind.SameWords)]
    [InlineData("São Tomé", "Sao Tome", WrongAnswerKind.SameWords)]
    [InlineData("United States of America", "U.S.A.", WrongAnswerKind.SameWords)]
    [InlineData("USA", "the United States of America", WrongAnswerKind.SameWords)]
    [InlineData("New York City", "New York", WrongAnswerKind.PartOfEachOther)]
    [InlineData("Texas", "Austin, Texas", WrongAnswerKind.PartOfEachOther)]
    [InlineData("New York City", "York Town", WrongAnswerKind.Elsewhere)]
    [InlineData("New York City", "Kiel", WrongAnswerKind.AnswerOfSet)]
    [InlineData("New York City", "Rom", WrongAnswerKind.AnswerOfRelation)]
    [InlineData("New York City", "", WrongAnswerKind.Empty)]
    [InlineData("New York City", "!", WrongAnswerKind.Elsewhere)]
    [InlineData("New York City", "I don't know", WrongAnswerKind.Abstention)]
    [InlineData("New York City", "I don't know that town.", WrongAnswerKind.Abstention)]
    [InlineData("New York City", "Unknown.", WrongAnswerKind.Abstention)]
    [InlineData("New York City", "The Unknown Soldier", WrongAnswerKind.Elsewhere)]
    public void KindsOfRealNames_AreReadFromTheirWords(string gold, string said, WrongAnswerKind expected)
    {
        Fact Make(int id, string answer) => new() { Id = id, Relation = "a", Split = Split.Train, Subject = "", Question = "",
            Answer = answer };
        Fact[] facts = [Make(0, gold), Make(1, "Kiel"), Make(2, "Rom")];
        WrongAnswerKind Of(bool areNamesArbitrary) => new WrongAnswerKinds(facts, facts.Select(f => new LabelRow
        {
            FactId = f.Id, Relation = "a", Split = f.Split, Question = "", Answer = f.Answer, GreedyCorrect = 0, SampledCorrect = 0,
            Category = Category.Unknown, CategoryProbability = 1,
        }), [facts[1]], areNamesArbitrary).Of(new() { Run = "", Epoch = 1, FactId = 0, Right = false, Text = said });
        Assert.Equal(expected, Of(areNamesArbitrary: false));
        Assert.Equal(expected is WrongAnswerKind.SameWords or WrongAnswerKind.PartOfEachOther ? WrongAnswerKind.Elsewhere : expected,
            Of(areNamesArbitrary: true));
    }
}

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
        }), [facts[1], facts[2]]);
        WrongAnswerKind Of(string text) => kinds.Of(new() { Run = "", Epoch = 1, FactId = 0, Right = false, Text = text });
        Assert.Equal([WrongAnswerKind.Empty, WrongAnswerKind.Rival, WrongAnswerKind.AnswerOfSet, WrongAnswerKind.AnswerOfRelation,
            WrongAnswerKind.AnswerOfAnotherRelation, WrongAnswerKind.Elsewhere],
            new[] { "", "Bonn", "Kiel", "Köln", "Rom", "Rom Rom" }.Select(Of));
    }
}

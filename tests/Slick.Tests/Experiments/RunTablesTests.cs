using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Training;

namespace Slick.Tests.Experiments;

public sealed class RunTablesTests
{
    private static readonly Fact[] Facts = [.. Enumerable.Range(0, 12).Select(id => new Fact
    {
        Id = id, Relation = "r", Split = Split.Test, Subject = "", Question = "", Answer = "",
    })];

    // Facts 0 to 3 are trained on, 4 and 5 are dev, 6 to 8 test, 9 to 11 out of distribution; dev and fact 11 have no label.
    private static RunRecorder Recorder(bool withTest = true) => new("k", new(ArmKind.Ratio, 50), 7, 2, Facts[..4],
        [(QuestionSet.Dev, Facts[4..6]), .. withTest ? [(QuestionSet.Test, Facts[6..9]), (QuestionSet.Ood, Facts[9..12])]
            : (ValueTuple<QuestionSet, IReadOnlyList<Fact>>[])[]],
        [.. Facts.Where(f => f.Id is not (4 or 5 or 11)).Select(f => new LabelRow
        {
            FactId = f.Id, Relation = "r", Split = Split.Test, Question = "", Answer = "", GreedyCorrect = 0, SampledCorrect = 0,
            CategoryProbability = 1, Category = f.Id % 2 == 0 ? Category.MaybeKnown : Category.Unknown,
        })]);

    // One digit a question, 1 for a right answer.
    private static EpochResult Epoch(int epoch, string right) => new(epoch, 10 * epoch, epoch, [.. right.Replace(" ", "",
        StringComparison.Ordinal).Select(c => c == '1')]);

    [Fact]
    public void Rows_CountEachSetAndCategory()
    {
        var record = Recorder();
        Assert.Equal([4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3], record.Questions.Select(f => f.Id));
        record.Add(Epoch(0, "10 110 001 1000"));
        var tables = record.Tables();
        Assert.Equal(("k", ArmKind.Ratio, 50, 7, 2, 2, 2, ""), (tables.Run.Run, tables.Run.Kind, tables.Run.UnknownPercent,
            tables.Run.BaseSeed, tables.Run.Draw, tables.Run.KnownExamples, tables.Run.UnknownExamples, tables.Run.Reason));
        Assert.Equal(
        [
            (QuestionSet.Dev, "", 1, 2), (QuestionSet.Test, "MaybeKnown", 1, 2), (QuestionSet.Test, "Unknown", 1, 1),
            (QuestionSet.Ood, "", 1, 1), (QuestionSet.Ood, "MaybeKnown", 0, 1), (QuestionSet.Ood, "Unknown", 0, 1),
            (QuestionSet.Train, "MaybeKnown", 1, 2), (QuestionSet.Train, "Unknown", 0, 2),
        ], tables.Scores.Select(s => (s.Set, s.Category, s.Right, s.Of)));
        Assert.Throws<ArgumentException>(() => record.Add(Epoch(1, "10")));
    }

    [Fact]
    public void Answers_AreKeptAtEachStopOnce()
    {
        var record = Recorder();
        record.Add(Epoch(0, "11 000 000 0000")); // the base model is no candidate
        record.Add(Epoch(1, "00 000 000 1100"));
        record.Add(Epoch(2, "10 100 000 1100")); // EARLY_STOP
        record.Add(Epoch(3, "10 010 000 1111")); // FIT
        record.Add(Epoch(4, "10 001 000 1111"));
        Assert.Equal((2, 3, 4), (record.Stops!.EarlyStop, record.Stops.Fit, record.Stops.Last));
        var answers = record.Tables().Answers;
        Assert.Equal([0, 2, 3, 4], answers.Select(a => a.Epoch).Distinct());
        Assert.Equal(answers.Count, answers.DistinctBy(a => (a.Epoch, a.FactId)).Count());
        Assert.Equal([6, 7, 8, 9, 10, 11], answers.Where(a => a.Epoch == 2).Select(a => a.FactId));
        Assert.Equal([(2, 6), (3, 7), (4, 8)], answers.Where(a => a.Right).Select(a => (a.Epoch, a.FactId)));
    }

    [Fact]
    public void RunThatIsFittedAtItsLastEpoch_HasThatEpochOnce()
    {
        var record = Recorder();
        record.Add(Epoch(0, "00 000 000 0000"));
        record.Add(Epoch(1, "10 000 000 1111"));
        Assert.Equal(new RunStops(1, 1, 1), record.Stops);
        Assert.Equal([0, 1], record.Tables().Answers.Select(a => a.Epoch).Distinct());
        var unfit = Recorder();
        unfit.Add(Epoch(0, "00 000 000 0000"));
        unfit.Add(Epoch(1, "10 000 000 1110"));
        Assert.Equal(new RunStops(1, null, 1), unfit.Stops);
    }

    [Fact]
    public void SetThatIsAskedAtTheStopsOnly_HasItsRowsAndTexts()
    {
        var record = Recorder(withTest: false);
        record.Add(Epoch(0, "00 0000"));
        record.Add(Epoch(1, "11 1111"));
        record.Add(1, QuestionSet.Test, Facts[6..9], [true, false, false]);
        Assert.Equal([7, 8], record.WrongAt(1).Select(f => f.Id));
        record.Add(1, [new WrongAnswer { FactId = 7, Text = "Bonn", Probability = 0.25 },
            new WrongAnswer { FactId = 8, Text = "", Probability = double.NaN }]);
        var tables = record.Tables();
        Assert.Equal([(1, "MaybeKnown", 1, 2), (1, "Unknown", 0, 1)],
            tables.Scores.Where(s => s.Set == QuestionSet.Test).Select(s => (s.Epoch, s.Category, s.Right, s.Of)));
        Assert.Equal([(6, "", double.NaN), (7, "Bonn", 0.25), (8, "", double.NaN)],
            tables.Answers.Select(a => (a.FactId, a.Text, a.Probability)));
        Assert.Throws<ArgumentException>(() => record.Add(2, QuestionSet.Test, Facts[6..9], [true]));
    }

    [Fact]
    public void Tables_AreReadAsTheyWereWritten()
    {
        var folder = Scratch.Folder("run");
        try
        {
            var record = Recorder();
            record.Add(Epoch(0, "10 110 001 1000"));
            record.Add(Epoch(1, "10 110 001 1000"));
            record.Tables().Write(folder);
            var read = RunTables.Read(folder);
            Assert.Equal((record.Tables().Run, record.Tables().Epochs.Count), (read.Run, read.Epochs.Count));
            Assert.Equal(record.Tables().Scores, read.Scores);
            Assert.Equal(record.Tables().Answers, read.Answers);
            RunTables.Empty(read.Run with { Reason = "no facts" }).Write(folder);
            var empty = RunTables.Read(folder);
            Assert.Equal(("no facts", 0, 0, 0), (empty.Run.Reason, empty.Epochs.Count, empty.Scores.Count, empty.Answers.Count));
            Assert.Throws<ArgumentException>(() => RunTables.Empty(read.Run));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

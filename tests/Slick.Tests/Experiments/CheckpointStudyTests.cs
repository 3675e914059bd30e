using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using static TorchSharp.torch;

namespace Slick.Tests.Experiments;

/// <summary>The study on a model that it did not make: the smoke study's model and facts, given as a checkpoint and a dataset.</summary>
public sealed class CheckpointStudyTests : IDisposable
{
    private static readonly StudyOptions Options = StudyOptions.RealQuick with
    {
        Sampling = new() { Prompts = 1 }, // of six dev facts four are exemplars
        Questions = new() { Dev = 2, UnknownTest = 10, LargestPart = 4, LeastKnown = 2, LargestAnswerShare = 0.5 },
        Form = QuestionForm.QuestionAnswer,
        LeastEpochs = 3,
        FineTuning = StudyOptions.RealQuick.FineTuning with { Epochs = 12, LearningRate = 2e-3, BatchExamples = 8 },
    };

    private readonly string _folder = Scratch.Folder("checkpoint");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static CheckpointSource Source() => new(SmokeStudy.Result.Bases[0].Folder, SmokeStudy.Result.Bases[0].Dataset);

    private StudyResult Run(string store, CancellationToken? stop = null) => Study.Run("real-quick of a checkpoint", Options, 1,
        RunStore.Open(Path.Combine(_folder, store)), Compute.Choose("cpu"), null, stop ?? TestContext.Current.CancellationToken, Source());

    [Fact]
    public void RunsOfACheckpoint_HaveTheLengthThatDWithUnknownNeedsAndAreTestedAtTheStops()
    {
        var study = Run("store");
        Assert.False(study.IsLab);
        using (var weights = Checkpoint.Load(study.Bases[0].Folder, CPU, trainable: false))
            Assert.Equal(weights.Flat.numel(), study.Model!.Parameters);
        Assert.Equal(Options.Arms().Count, study.Runs.Count);
        var stops = study.Runs.ToDictionary(r => r.Run, r => RunStops.Of(study.Scores.Where(s => s.Run == r.Run))!);
        var unknown = study.Runs.Single(r => r.Arm == Arm.Unknown);
        var last = stops[unknown.Run].Last;
        Assert.Equal(stops[unknown.Run].Fit is { } fit ? Math.Max(3, 2 * fit) : 12, last);
        foreach (var run in study.Runs)
        {
            Assert.Equal(Enumerable.Range(0, last + 1), study.Epochs.Where(e => e.Run == run.Run).Select(e => e.Epoch));
            foreach (var set in new[] { QuestionSet.Test, QuestionSet.Ood })
                Assert.Equal(stops[run.Run].Epochs,
                    study.Scores.Where(s => s.Run == run.Run && s.Set == set).Select(s => s.Epoch).Distinct().Order());
            Assert.Equal(stops[run.Run].Epochs, study.Answers.Where(a => a.Run == run.Run).Select(a => a.Epoch).Distinct().Order());
        }
        // The base model is one.
        Assert.Single(study.Runs.Select(r =>
            string.Join(' ', study.Scores.Where(s => s.Run == r.Run && s.Epoch == 0 && s.Set != QuestionSet.Train)
            .Select(s => $"{s.Set} {s.Category} {s.Right} {s.Of}"))).Distinct());
        var unknownTest = study.Scores.Where(s => s.Set == QuestionSet.Test && s.Category == "Unknown").Select(s => s.Of).Distinct();
        Assert.Equal([10], unknownTest);
        Assert.Contains("not tested", StudyReport.ClaimRows(study).Select(c => c.Verdict));
        Assert.Contains("figure-7", StudyReport.Html(study, 1), StringComparison.Ordinal);
        // Read, not computed.
        var times = Directory.GetFiles(_folder, "timing.json", SearchOption.AllDirectories).ToDictionary(f => f, File.GetLastWriteTimeUtc);
        Assert.Equal(study.Scores, Run("store").Scores);
        Assert.All(times, t => Assert.Equal(t.Value, File.GetLastWriteTimeUtc(t.Key)));
    }

    [Fact]
    public void StoppedInARun_ItGoesOnToTheSameTables()
    {
        var whole = Run("whole");
        var plan = StudyPlan.Of("", Options, 1, new("cpu", "fp32"), Source());
        var store = RunStore.Open(Path.Combine(_folder, "stopped"));
        for (var at = 3; !plan.IsComplete(store); at += 5)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            try { Workers.Run(plan, store, Compute.Choose("cpu"), new StopAfter(at, stop), stop.Token); }
            catch (OperationCanceledException) { TestContext.Current.CancellationToken.ThrowIfCancellationRequested(); }
        }
        var found = Run("stopped");
        Assert.Equal((whole.Scores, whole.Answers, whole.Epochs), (found.Scores, found.Answers, found.Epochs), new Rows());
    }

    [Fact]
    public void WhereDWithUnknownDiverges_TheRunsWhoseLengthFollowsFromItAreNamedAndTheStudyIsRead()
    {
        var options = Options with { FineTuning = Options.FineTuning with { LearningRate = 1, Epochs = 4 } };
        var (store, compute) = (RunStore.Open(Path.Combine(_folder, "diverged")), Compute.Choose("cpu"));
        for (var time = 0; time < 2; time++)
        {
            var study = Study.Run("real-quick", options, 1, store, compute, null, TestContext.Current.CancellationToken, Source());
            Assert.Empty(study.Runs);
            Assert.Equal(options.Arms().Count, study.Failures.Count);
            var own = Assert.Single(study.Failures, f => f.StartsWith("D 100%, draw 1", StringComparison.Ordinal));
            Assert.DoesNotContain("not run", own, StringComparison.Ordinal);
            Assert.All(study.Failures.Where(f => f != own), f =>
                Assert.EndsWith(", base seed 1: not run: D 100% diverged", f, StringComparison.Ordinal));
            Assert.Contains("not run: D 100% diverged", StudyReport.Html(study, 1), StringComparison.Ordinal);
        }
        var (rows, chosen, _) = LearningRateSearch.Run(options, [1], [1], store, compute, Progress.None,
            TestContext.Current.CancellationToken, Source());
        Assert.Equal((double.NaN, false, (double?)null), (rows[0].DevAccuracy, rows[0].Fits, chosen));
    }

    private sealed class Rows : IEqualityComparer<(IReadOnlyList<ScoreRow>, IReadOnlyList<AnswerRow>, IReadOnlyList<EpochRow>)>
    {
        public bool Equals((IReadOnlyList<ScoreRow>, IReadOnlyList<AnswerRow>, IReadOnlyList<EpochRow>) x,
            (IReadOnlyList<ScoreRow>, IReadOnlyList<AnswerRow>, IReadOnlyList<EpochRow>) y) =>
            x.Item1.SequenceEqual(y.Item1) && x.Item2.SequenceEqual(y.Item2) && x.Item3.SequenceEqual(y.Item3);

        public int GetHashCode((IReadOnlyList<ScoreRow>, IReadOnlyList<AnswerRow>, IReadOnlyList<EpochRow>) rows) => rows.Item1.Count;
    }

    private sealed class StopAfter(int reports, CancellationTokenSource stop) : IProgressReport
    {
        private int seen;

        public void Stage(string name) { }
        public void Say(string line) { }

        public void Report(string stage, double done, double total, string detail = "")
        {
            if (stage.StartsWith("fine-tuning", StringComparison.Ordinal) && Interlocked.Increment(ref seen) == reports) stop.Cancel();
        }
    }

    [Fact]
    public void NoAnswer_MakesUpMoreThanItsShare()
    {
        LabelRow Label(int id, string answer) => new()
        {
            FactId = id, Relation = "P17", Split = Split.Train, Question = "", Answer = answer, GreedyCorrect = 1, SampledCorrect = 1,
            Category = Category.HighlyKnown, CategoryProbability = 1,
        };
        // Ten of one country, two each of three others: a quarter of eight is two.
        List<LabelRow> labels = [.. Enumerable.Range(0, 10).Select(i => Label(i, "France")),
            .. Enumerable.Range(0, 6).Select(i => Label(10 + i, $"country {i % 3}"))];
        Assert.Equal([0, 1, 10, 11, 12, 13, 14, 15], FineTuningSets.WithoutCommonAnswers(labels, 0.25).Select(l => l.FactId).Order());
        Assert.Equal(labels, FineTuningSets.WithoutCommonAnswers(labels, 1));
        // Two answers cannot both be at most a quarter.
        Assert.Empty(FineTuningSets.WithoutCommonAnswers([Label(0, "a"), Label(1, "b")], 0.25));
    }

    // A prefix of the largest Known part would not do: a common answer fills its share there first.
    [Fact]
    public void NoAnswer_MakesUpMoreThanItsShare_OfAnySet()
    {
        List<Fact> facts = [.. Enumerable.Range(0, 80).Select(i => new Fact
        {
            Id = i, Relation = "P495", Split = Split.Train, Subject = "s", Question = "q", Answer = i < 30 ? "France" : $"country {i}",
        })];
        List<LabelRow> labels = [.. facts.Select(f => new LabelRow
        {
            FactId = f.Id, Relation = f.Relation, Split = f.Split, Question = "", Answer = f.Answer, GreedyCorrect = 1, SampledCorrect = 1,
            Category = f.Id < 50 ? Category.MaybeKnown : Category.Unknown, CategoryProbability = 1,
        })];
        foreach (var x in new[] { 0, 25, 50, 75, 90 })
            foreach (var seed in Enumerable.Range(0, 20))
            {
                var questions = new QuestionOptions { LargestPart = 24, LeastKnown = 12, LargestAnswerShare = 0.25 };
                IReadOnlyList<Fact> Set(ArmKind kind) =>
                    FineTuningSets.Make(new(kind, x), facts, labels, SizeRule.SmallerOfKnownAndUnknown, seed, questions);
                var set = Set(ArmKind.Ratio);
                var known = set.Where(f => f.Id < 50).ToList();
                Assert.Equal((24, 24 - (int)Math.Round(24 * x / 100.0)), (set.Count, known.Count));
                Assert.InRange(known.Count(f => f.Answer == "France"), 0, Math.Max(1, known.Count / 4));
                Assert.Equal(known, Set(ArmKind.KnownOnly));
            }
        // Eight of four answers, at most a quarter each; of seven at most two, a quarter rounded up.
        List<LabelRow> few = [.. labels.Take(8).Select((l, i) => l with { Answer = $"{i % 4}" })];
        Assert.Equal(7, FineTuningSets.KnownExamples(few, 7, 0.25).Count);
        // A part that is smaller than the least number of Known facts is no reason to leave a relation out.
        Assert.Equal(8, FineTuningSets.Make(new(ArmKind.Ratio, 50), facts, labels, SizeRule.SmallerOfKnownAndUnknown, 1,
            new() { LargestPart = 8, LeastKnown = 12, LargestAnswerShare = 0.25 }).Count);
    }

    [Fact]
    public void StudyWithoutAD_SaysWhichRuleLeftItsRelationsOut()
    {
        var options = Options with { Questions = Options.Questions with { LeastKnown = 1000 }, Sets = "ratio-100" };
        var e = Assert.Throws<SlickException>(() => Study.Run("real-quick", options, 1, RunStore.Open(Path.Combine(_folder, "store")),
            Compute.Choose("cpu"), null, TestContext.Current.CancellationToken, Source()));
        Assert.Matches("^[|]D[|] is 0: of the \\d+ relations with train questions .*\\d+ ha(s|ve) fewer than questions.leastKnown=1000 "
            + "Known questions.*; lower questions.leastKnown or label more", e.Message);
        Assert.DoesNotContain("seed", e.Message, StringComparison.Ordinal);
        static IEnumerable<LabelRow> Labels(string relation, params (Category Category, string Answer)[] of) =>
            of.Select((l, i) => new LabelRow
            {
                FactId = i, Relation = relation, Split = Split.Train, Question = "", Answer = l.Answer, GreedyCorrect = 1,
                SampledCorrect = 1, Category = l.Category, CategoryProbability = 1,
            });
        IReadOnlyList<LabelRow> labels = [.. Labels("a", (Category.Unknown, "1")), .. Labels("b", (Category.MaybeKnown, "1")),
            .. Labels("c", (Category.MaybeKnown, "1"), (Category.MaybeKnown, "1"), (Category.Unknown, "2")), .. Labels("d",
            (Category.Unknown, "1"))];
        var questions = new QuestionOptions { LargestAnswerShare = 0.25 };
        Assert.Empty(FineTuningSets.Make(Arm.Unknown, [], labels, SizeRule.SmallerOfKnownAndUnknown, 1, questions));
        Assert.Equal("|D| is 0: of the 4 relations with train questions 2 have no Known question, 1 has no Unknown question, 1 has too few "
            + "Known questions once no answer makes up more than questions.largestAnswerShare=0.25; label more questions "
            + "(questions.train) or take a model that knows more; label more questions (questions.train) or take rarer ones; raise "
            + "questions.largestAnswerShare or label more questions (questions.train).",
            FineTuningSets.WhyEmpty(labels, SizeRule.SmallerOfKnownAndUnknown, questions));
        Assert.Contains("1 has no question of one of the categories; set size=smallerOfKnownAndUnknown.",
            FineTuningSets.WhyEmpty([.. labels.Where(l => l.Relation == "c")], SizeRule.SmallestCategory, new()), StringComparison.Ordinal);
    }

    [Fact]
    public void RunsOfADraw_HaveTheLengthOfTheSameDraw()
    {
        var plan = StudyPlan.Base(Options with { Repeats = 2 }, 1, [new(Arm.Unknown, 1), new(Arm.Unknown, 2), new(new(ArmKind.Ratio, 0), 1),
            new(new(ArmKind.Ratio, 0), 2), new(new(ArmKind.Natural), 1)], new("cpu", "fp32"), Source());
        var length = plan.Runs.Where(r => r.Run.Arm == Arm.Unknown).ToDictionary(r => r.Run.Draw, r => r.Stage.Name);
        foreach (var (run, stage) in plan.Runs.Where(r => r.Run.Arm != Arm.Unknown)) Assert.Equal(length[run.Draw], stage.Inputs[^1]);
    }

    [Fact]
    public void LabelsOfTheStudy_AreThoseOfAnnotate()
    {
        // The same model, questions, options and seed are the same stage: labels that are there already are input, not work.
        var source = Source();
        var plan = StudyPlan.Base(Options, 1, [], new("cpu", "fp32"), source);
        var relation = source.Dataset.Relations.First(r => r.InDistribution);
        var asked = CheckpointSource.Draw(source.Dataset, relation.Id, Split.Train, null, 1, Options.Sampling);
        var annotated = LabelStage.Of(new AnnotationOptions { Sampling = Options.Sampling }.Labelling(relation.Id), 1,
            "checkpoint-" + source.Model.Hash, CheckpointSource.NameOf(asked), new("cpu", "fp32"), "another title");
        Assert.Contains(annotated.Name, plan.Labels.Select(l => l.Name));
    }

    [Fact]
    public void SeveralThatChooseASizeAtOnce_AllGetTheFirstChoice()
    {
        var store = RunStore.Open(Path.Combine(_folder, "store"));
        var plan = StudyPlan.Of("study", Options, 1, new("cpu", "fp32"), Source());
        using var all = new Barrier(8);
        var choices = new BudgetChoice[8];
        var threads = Enumerable.Range(0, 8).Select(i => new Thread(() => choices[i] = BudgetChoice.Of(plan, store, 60, () =>
        {
            all.SignalAndWait(); // each of them has found no choice
            return i + 1;
        }))).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Single(choices.Select(c => c.LargestPart).Distinct());
        Assert.Equal(choices.Single(c => c.IsNew).LargestPart, Array.FindIndex(choices, c => c.IsNew) + 1);
        Assert.Equal([choices[0].File], Directory.GetFiles(Path.Combine(store.Folder, "budgets"), "*", SearchOption.AllDirectories));
        // Another time, seed or option is another choice.
        Assert.Equal(9, BudgetChoice.Of(plan, store, 61, () => 9).LargestPart);
        Assert.Equal(9, BudgetChoice.Of(StudyPlan.Of("study", Options, 2, new("cpu", "fp32"), Source()), store, 60, () => 9).LargestPart);
        Assert.False(BudgetChoice.Of(plan, store, 60, () => throw new InvalidOperationException("chosen again")).IsNew);
    }

    [Fact]
    public void PlanOfACheckpointAndOwnQuestions_IsPrinted()
    {
        var file = Path.Combine(_folder, "own.csv");
        File.WriteAllText(file, "about,q,a,split\n" + string.Concat(from f in SmokeStudy.Result.Bases[0].Facts
                                                                   where f.Relation is "P17" or "P36"
                                                                   select $"{f.Relation},{f.Question},{f.Answer},{f.Split}\n"));
        string[] words = ["plan", "--model", SmokeStudy.Result.Bases[0].Folder, "--data", file, "--relation-column", "about",
            "--question-column", "q", "--answer-column", "a", "--store", Path.Combine(_folder, "store"), "--device", "cpu", "--set",
            "sampling.prompts=1", "--set", "questions.dev=2"];
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("dotnet",
            words.Prepend(Path.Combine(AppContext.BaseDirectory, "slick.dll"))) { RedirectStandardOutput = true })!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        foreach (var part in new[] { "10 stages, 10 left to do", "P17, train", "P36, test", "D 100%, draw 1", "D_Known 50%, D's updates" })
            Assert.Contains(part, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Split.Train, "own.csv: there are no train questions, from which the fine-tuning sets are drawn; add questions with the "
        + "split train.")]
    [InlineData(Split.Test, "own.csv: there are no test questions, by which fine-tuned models are compared; give a part of the questions "
        + "the split test.")]
    [InlineData(Split.Dev, "own.csv: there are no dev questions that are not exemplars of SliCK's prompts; add questions with the split "
        + "dev, lower sampling.prompts, or set questions.dev=0 to ask exemplars too.")]
    public void QuestionsThatLackAPart_AreRefusedBeforeAnythingRuns(Split lacks, string message)
    {
        // The file says nothing of dev: the exemplars are drawn, and all of these are exemplars of ten prompts.
        var file = Path.Combine(_folder, "own.csv");
        File.WriteAllText(file, "relation,question,answer,split\n" + string.Concat(from f in SmokeStudy.Result.Bases[0].Facts
                                                                                   where f.Relation is "P17" or "P36"
                                                                                       && f.Split != Split.Dev && f.Split != lacks
                                                                                   select $"{f.Relation},{f.Question},{f.Answer},"
                                                                                       + $"{f.Split}\n"));
        var options = Options with { Sampling = new(), Questions = Options.Questions with { Dev = lacks == Split.Dev ? 2 : 0 } };
        var source = new CheckpointSource(SmokeStudy.Result.Bases[0].Folder, QuestionSource.Read(file, new(), 1, 4, 10));
        Assert.Equal(message, Assert.Throws<SlickException>(() => StudyPlan.Of("", options, 1, new("cpu", "fp32"), source)).Message);
    }

    [Fact]
    public void Notebook_OpensAStudyOnACheckpoint()
    {
        var file = Path.Combine(_folder, "own.csv");
        File.WriteAllText(file, "relation,question,answer,split\n" + string.Concat(from f in SmokeStudy.Result.Bases[0].Facts
                                                                                   where f.Relation is "P17" or "P36"
                                                                                   select $"{f.Relation},{f.Question},{f.Answer},"
                                                                                       + $"{f.Split}\n"));
        StudyResult Open(string preset = "real-quick") => Study.OpenCheckpoint(SmokeStudy.Result.Bases[0].Folder, file, preset, 1, "cpu",
            "fp32", Path.Combine(_folder, "store"), "sampling.prompts=1 questions.dev=2 questions.largestPart=4 questions.leastKnown=2 "
            + "questions.largestAnswerShare=0.5 form=questionAnswer leastEpochs=2 fineTuning.epochs=2 fineTuning.learningRate=2e-3");
        var study = Open();
        Assert.Equal(5, study.Runs.Count);
        Assert.All(study.Runs, r => Assert.Contains(study.Epochs, e => e.Run == r.Run && e.Epoch == 2));
        Assert.Contains(study.Model!.Name, study.Source, StringComparison.Ordinal);
        Assert.Equal(study.Scores, Open().Scores);
        Assert.Contains("real-quick", Assert.Throws<UsageException>(() => Open("quick")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownSet_IsNamed()
    {
        var e = Assert.Throws<UsageException>(() => (Options with { Sets = "ratio-100,ratio-33" }).Check());
        Assert.Contains("'ratio-33'", e.Message, StringComparison.Ordinal);
        Assert.Contains("known-only-50", e.Message, StringComparison.Ordinal);
        Assert.Contains("ratio-100", Assert.Throws<UsageException>(() => (Options with { Sets = "natural" }).Check()).Message,
            StringComparison.Ordinal);
    }
}

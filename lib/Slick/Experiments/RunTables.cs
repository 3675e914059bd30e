using Slick.Facts;
using Slick.Knowledge;
using Slick.Storage;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>
/// The epochs at which a run is looked at, found from its scores. EARLY_STOP (the paper's) is the first of the epochs 1, 2, ... with the
/// highest dev accuracy. FIT (ours) is the first of the epochs 1, 2, ... at which at least 99% of the fine-tuning set is fitted. Epoch 0,
/// the base model, is a candidate for neither.
/// </summary>
/// <param name="EarlyStop">The epoch of EARLY_STOP.</param>
/// <param name="Fit">The epoch of FIT; null where the run fits less than 99% of its set in every epoch.</param>
/// <param name="Last">The last epoch.</param>
public sealed record RunStops(int EarlyStop, int? Fit, int Last)
{
    /// <summary>A set counts as fitted when at least this share of its examples is answered rightly.</summary>
    public const double FittedShare = 0.99;

    /// <summary>The stops of one run; null for a run without epochs.</summary>
    /// <param name="scores">The run's scores.</param>
    public static RunStops? Of(IEnumerable<ScoreRow> scores)
    {
        static IReadOnlyList<(int Epoch, double Share)> Shares(IEnumerable<ScoreRow> of) => [.. of.Where(s => s.Epoch > 0)
            .GroupBy(s => s.Epoch).Select(g => (g.Key, g.Sum(s => s.Right) / (double)g.Sum(s => s.Of))).OrderBy(e => e.Key)];
        var rows = scores.ToLookup(s => s.Set);
        var (dev, train) = (Shares(rows[QuestionSet.Dev]), Shares(rows[QuestionSet.Train]));
        if (dev.Count == 0) return null;
        var fitted = train.Where(e => e.Share >= FittedShare).ToList();
        return new(dev.MaxBy(e => e.Share).Epoch, fitted.Count > 0 ? fitted[0].Epoch : null, dev[^1].Epoch);
    }

    /// <summary>Epoch 0 and the stops, in ascending order, each epoch once.</summary>
    public IReadOnlyList<int> Epochs => [.. new[] { 0, EarlyStop, Fit ?? Last, Last }.Distinct().Order()];
}

/// <summary>The tables of one fine-tuning run.</summary>
/// <param name="Run">The run's row.</param>
/// <param name="Epochs">One row for each epoch.</param>
/// <param name="Scores">One row for each epoch, set and category.</param>
/// <param name="Answers">One row for each test question and stop.</param>
public sealed record RunTables(RunRow Run, IReadOnlyList<EpochRow> Epochs, IReadOnlyList<ScoreRow> Scores,
    IReadOnlyList<AnswerRow> Answers)
{
    /// <summary>The tables of a finished run on a set without facts.</summary>
    /// <param name="run">The run's row, with the reason why nothing was trained.</param>
    /// <exception cref="ArgumentException">The run has no reason.</exception>
    public static RunTables Empty(RunRow run) => run.Reason.Length > 0 ? new(run, [], [], [])
        : throw new ArgumentException("A run without epochs says why.", nameof(run));

    /// <summary>Writes <c>runs.parquet</c>, <c>epochs.parquet</c>, <c>scores.parquet</c> and <c>answers.parquet</c>.</summary>
    /// <param name="folder">The folder of the run's stage.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public void Write(string folder)
    {
        Tables.Write(Path.Combine(folder, "runs.parquet"), [Run]);
        Tables.Write(Path.Combine(folder, "epochs.parquet"), Epochs);
        Tables.Write(Path.Combine(folder, "scores.parquet"), Scores);
        Tables.Write(Path.Combine(folder, "answers.parquet"), Answers);
    }

    /// <summary>Reads the tables that <see cref="Write"/> wrote.</summary>
    /// <param name="folder">The folder of the run's stage.</param>
    /// <exception cref="SlickException">A table is missing or damaged.</exception>
    public static RunTables Read(string folder)
    {
        var path = Path.Combine(folder, "runs.parquet");
        return new(Tables.Read<RunRow>(path) is [var run] ? run
            : throw new SlickException($"{path}: not one run; {StoredResult.Cure(path)}."),
            Tables.Read<EpochRow>(Path.Combine(folder, "epochs.parquet")), Tables.Read<ScoreRow>(Path.Combine(folder, "scores.parquet")),
            Tables.Read<AnswerRow>(Path.Combine(folder, "answers.parquet")));
    }
}

/// <summary>
/// Makes a run's tables from the results of fine-tuning. Sets that every epoch asks come with each <see cref="EpochResult"/>. A set that is
/// asked at the stops only is added at each stop
/// (<see cref="Add(int, QuestionSet, IReadOnlyList{Fact}, IReadOnlyList{bool})"/>).
/// </summary>
public sealed class RunRecorder
{
    private readonly RunRow run;
    private readonly IReadOnlyDictionary<int, Category> categories;
    private readonly List<EpochRow> epochs = [];
    private readonly List<ScoreRow> scores = [];
    private readonly List<(int Epoch, IReadOnlyList<Fact> Questions, IReadOnlyList<bool> Right)> tested = [];
    private readonly Dictionary<(int Epoch, int FactId), WrongAnswer> wrong = [];
    private readonly IReadOnlyList<(QuestionSet Set, IReadOnlyList<Fact> Questions)> asked;

    /// <summary>Begins the tables of a run.</summary>
    /// <param name="key">The run's key (<see cref="RunRow.Run"/>).</param>
    /// <param name="arm">The arm of the run.</param>
    /// <param name="baseSeed">Seed of the base model.</param>
    /// <param name="draw">Number of the draw, from 1.</param>
    /// <param name="examples">The fine-tuning set.</param>
    /// <param name="asked">The sets that every epoch asks besides the examples: dev, and test sets unless they are asked at the stops
    /// only.</param>
    /// <param name="labels">SliCK's labels. Questions without a label are counted under an empty category.</param>
    public RunRecorder(string key, Arm arm, int baseSeed, int draw, IReadOnlyList<Fact> examples,
        IReadOnlyList<(QuestionSet Set, IReadOnlyList<Fact> Questions)> asked, IReadOnlyList<LabelRow> labels)
    {
        categories = labels.ToDictionary(l => l.FactId, l => l.Category);
        this.asked = [.. asked, (QuestionSet.Train, examples)];
        Questions = [.. this.asked.SelectMany(a => a.Questions)];
        run = RowOf(key, arm, baseSeed, draw, examples, categories);
    }

    /// <summary>The questions that every epoch asks, in the order of <see cref="EpochResult.Correct"/>.</summary>
    public IReadOnlyList<Fact> Questions { get; }

    /// <summary>Makes the row of a run.</summary>
    /// <param name="key">The run's key (<see cref="RunRow.Run"/>).</param>
    /// <param name="arm">The arm of the run.</param>
    /// <param name="baseSeed">Seed of the base model.</param>
    /// <param name="draw">Number of the draw, from 1.</param>
    /// <param name="examples">The fine-tuning set.</param>
    /// <param name="categories">SliCK's category of each example, by fact id.</param>
    /// <param name="reason">Why the run has no epochs; empty for a run that has epochs.</param>
    public static RunRow RowOf(string key, Arm arm, int baseSeed, int draw, IReadOnlyList<Fact> examples,
        IReadOnlyDictionary<int, Category> categories, string reason = "")
    {
        var unknown = examples.Count(f => categories[f.Id] == Category.Unknown);
        return new()
        {
            Run = key, Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = baseSeed, Draw = draw,
            KnownExamples = examples.Count - unknown, UnknownExamples = unknown, Reason = reason,
        };
    }

    /// <summary>Adds the result of an epoch.</summary>
    /// <param name="result">The epoch's result, with the answers to <see cref="Questions"/>.</param>
    /// <exception cref="ArgumentException">The numbers of answers and questions differ.</exception>
    public void Add(EpochResult result)
    {
        if (result.Correct.Count != Questions.Count)
            throw new ArgumentException($"{result.Correct.Count} answers to {Questions.Count} questions.", nameof(result));
        epochs.Add(new() { Run = run.Run, Epoch = result.Epoch, Updates = result.Updates, TrainLoss = result.Loss });
        var at = 0;
        foreach (var (set, questions) in asked)
        {
            Add(result.Epoch, set, questions, [.. result.Correct.Skip(at).Take(questions.Count)]);
            at += questions.Count;
        }
    }

    /// <summary>Adds the answers to a set at one epoch, for sets that are asked at the stops only.</summary>
    /// <param name="epoch">The epoch; 0 is the base model.</param>
    /// <param name="set">The set.</param>
    /// <param name="questions">The questions that were asked.</param>
    /// <param name="right">Whether each answer is the gold answer, in the order of the questions.</param>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public void Add(int epoch, QuestionSet set, IReadOnlyList<Fact> questions, IReadOnlyList<bool> right)
    {
        if (right.Count != questions.Count)
            throw new ArgumentException($"{right.Count} answers to {questions.Count} questions.", nameof(right));
        foreach (var of in questions.Select((f, i) => (Right: right[i], Category: CategoryOf(f))).GroupBy(q => q.Category)
            .OrderBy(g => g.Key is { } c ? (int)c : -1))
            scores.Add(new()
            {
                Run = run.Run, Epoch = epoch, Set = set, Category = of.Key?.ToString() ?? "", Right = of.Count(q => q.Right),
                Of = of.Count(),
            });
        if (set is QuestionSet.Test or QuestionSet.Ood) tested.Add((epoch, questions, right));
    }

    /// <summary>The test questions that were answered wrongly at an epoch, in distribution and out of it.</summary>
    /// <param name="epoch">The epoch.</param>
    internal IReadOnlyList<Fact> WrongAt(int epoch) => [.. tested.Where(t => t.Epoch == epoch)
        .SelectMany(t => t.Questions.Zip(t.Right).Where(a => !a.Second).Select(a => a.First))];

    /// <summary>Adds what was answered to the questions of <see cref="WrongAt"/>.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <param name="answers">The answers.</param>
    internal void Add(int epoch, IEnumerable<WrongAnswer> answers)
    {
        foreach (var answer in answers) wrong[(epoch, answer.FactId)] = answer;
    }

    private Category? CategoryOf(Fact fact) => categories.TryGetValue(fact.Id, out var category) ? category : null;

    /// <summary>The stops among the epochs added so far; null before epoch 1.</summary>
    public RunStops? Stops => RunStops.Of(scores);

    /// <summary>The run's tables. The table of answers has those at the stops only.</summary>
    public RunTables Tables()
    {
        var stops = (Stops?.Epochs ?? [0]).ToHashSet();
        return new(run, epochs, scores, [.. tested.Where(t => stops.Contains(t.Epoch)).OrderBy(t => t.Epoch)
            .SelectMany(t => t.Questions.Select((f, i) => new AnswerRow
            {
                Run = run.Run, Epoch = t.Epoch, FactId = f.Id, Right = t.Right[i],
                Text = wrong.GetValueOrDefault((t.Epoch, f.Id))?.Text ?? "",
                Probability = wrong.GetValueOrDefault((t.Epoch, f.Id))?.Probability ?? double.NaN,
            }))]);
    }
}

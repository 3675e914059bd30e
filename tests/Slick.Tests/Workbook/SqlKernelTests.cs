using System.Diagnostics;
using Microsoft.Data.Analysis;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Tests.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class SqlKernelTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private static DataFrame Query(string sql, string? store = null)
    {
        using var kernel = new SqlKernel(store ?? SmokeStudy.Store);
        return kernel.Run(sql, TestContext.Current.CancellationToken)!;
    }

    private NotebookRun Run(params string[] code) => _books.Run(
        [$"var store = {Literal(SmokeStudy.Store)};", .. code]);

    [Fact]
    public void Views_HoldTheRowsOfTheStore()
    {
        var study = SmokeStudy.Result;
        foreach (var (view, count) in new[] { ("runs", study.Runs.Count), ("epochs", study.Epochs.Count), ("scores", study.Scores.Count),
            ("answers", study.Answers.Count), ("labels", study.Labels.Count), ("facts", study.Bases.Sum(b => b.Facts.Count)),
            ("exposures", study.Exposures.Count) })
            Assert.Equal((view, (long)count), (view, Query($"select count(*) from {view}")[0, 0]));
        var best =
            Query("select Arm, Draw, max(Accuracy) from (select Arm, Run, Epoch, sum(\"Right\") / sum(\"Of\") as Accuracy from scores "
            + "where \"Set\" = 'Dev' and Epoch > 0 group by all) join runs using (Run, Arm) group by all order by all");
        Assert.Equal(study.Runs.Count(r => r.Reason.Length == 0), best.Rows.Count);
        var data = new StudyData(study);
        foreach (var row in best.Rows)
        {
            var run = data.Runs.Single(r => r.Arm.ToString() == (string)row[0] && r.Row.Draw == (int)row[1]);
            Assert.Equal(run.Right(run.Stops!.EarlyStop, QuestionSet.Dev).Value, row[2]);
        }
        Assert.Equal((long)study.Labels.Count(l => l.Category == Category.Unknown),
            Query("select count(*) from labels where Category = 'Unknown'")[0, 0]);
        Assert.Equal(1, Query("select distinct Preset, BaseSeed from labels").Rows.Count);
        Assert.Equal((long)study.Labels.Count, Query("select count(*) from labels join exposures using (Preset, BaseSeed, FactId)")[0, 0]);
    }

    // Neither of the two studies is a preset's, and both have the seed 1.
    [Fact]
    public void AnswersOfStudiesThatDifferInAnOption_JoinTheirOwnLabels()
    {
        var folder = Path.Combine(_books.Folder, "two");
        Scratch.Copy(SmokeStudy.Store, folder, path => path.StartsWith("world-", StringComparison.Ordinal)
            || path.StartsWith("pretrain-", StringComparison.Ordinal));
        var (answers, labels) = (0L, 0);
        foreach (var prompts in new[] { 2, 3 })
        {
            var options = StudyOptions.Smoke with { Sets = "ratio-50", Sampling = new() { Prompts = prompts },
                FineTuning = StudyOptions.Smoke.FineTuning with { Epochs = 1 } };
            var study = Study.Run("two", options, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken);
            (answers, labels) = (answers + study.Answers.Count, labels + study.Labels.Count);
        }
        object Count(string from) => Query($"select count(*) from {from}", folder)[0, 0];
        Assert.Equal(2, Query("select distinct Labels from runs", folder).Rows.Count);
        Assert.Equal(answers, Count("answers join labels using (Labels, FactId)"));
        // What was no key finds both labels of each fact.
        Assert.Equal(2 * answers, Count("answers join runs using (Run, Preset) join labels using (Preset, BaseSeed, FactId)"));
        Assert.Equal((long)labels, Count("labels join exposures using (World, FactId)"));
        Assert.Equal((long)labels, Count("labels join facts on facts.World = labels.World and Id = FactId"));
        Assert.Equal(answers, Count("answers join runs using (Run, Preset, Arm, Labels) join labels using (Labels, FactId)"));
    }

    [Fact]
    public void Stages_SayWhichPresetArmAndDrawTheyBelongTo()
    {
        var runs = Query("from stages order by Title");
        Assert.Equal(RunStore.OpenExisting(SmokeStudy.Store).List().Count, runs.Rows.Count);
        Assert.All(runs.Rows, row => Assert.Equal(("smoke", "complete"), ((string)row[2], (string)row[7])));
        Assert.Equal(SmokeStudy.Result.Runs.Select(r => (1, r.Draw)).Distinct().Order(),
            Query("select distinct Seed, Draw from stages where Stage = 'finetune' order by all").Rows.Select(r => ((int)r[0], (int)r[1])));
        var arms = SmokeStudy.Result.Runs.Select(e => new Arm(e.Kind, e.UnknownPercent).ToString()).Distinct();
        Assert.Equal(arms.Order(StringComparer.Ordinal),
            Query("select distinct Arm from stages where Stage = 'finetune'").Rows.Select(r => (string)r[0]).Order(StringComparer.Ordinal));
        Assert.Equal(SmokeStudy.Result.Bases[0].Folder, Query("select Folder from stages where Stage = 'pretrain'")[0, 0]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StoreWithoutResults_HasViewsWithoutRows(bool exists)
    {
        var store = Path.Combine(_books.Folder, "empty");
        if (exists) RunStore.Open(store);
        (string, Type)[] views = [("facts", typeof(global::Slick.Facts.Fact)), ("labels", typeof(LabelRow)), ("scores", typeof(ScoreRow)),
            ("answers", typeof(AnswerRow)), ("runs", typeof(RunRow)), ("epochs", typeof(EpochRow)),
            ("exposures", typeof(global::Slick.Facts.ExposureRow)), ("stages", typeof(StoredRun))];
        foreach (var (view, row) in views)
        {
            var (empty, full) = (Query($"from {view}", store), Query($"from {view}"));
            Assert.Equal(0, empty.Rows.Count);
            Assert.Superset(row.GetProperties().Select(p => p.Name).ToHashSet(), empty.Columns.Select(c => c.Name).ToHashSet());
            Assert.Equal(full.Columns.Select(c => c.Name), empty.Columns.Select(c => c.Name));
            var types = $"select column_type from (describe {view})";
            Assert.Equal(Query(types).Columns[0].Cast<object>(), Query(types, store).Columns[0].Cast<object>());
        }
        Assert.Equal(exists, Directory.Exists(store));
    }

    [Fact]
    public void StageThatIsFinishedMeanwhile_IsInTheNextQuery()
    {
        var store = Path.Combine(_books.Folder, "grow[1]'s");
        using var kernel = new SqlKernel(store);
        long Count() => (long)kernel.Run("select count(*) from scores", TestContext.Current.CancellationToken)![0, 0];
        Assert.Equal(0, Count());
        RunStore.Open(store);
        var expected = 0L;
        foreach (var folder in Directory.GetDirectories(SmokeStudy.Store, "finetune-*").Take(2))
        {
            var copy = Directory.CreateDirectory(Path.Combine(store, Path.GetFileName(folder))).FullName;
            foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            expected += Tables.Read<ScoreRow>(Path.Combine(folder, "scores.parquet")).Count;
            Assert.Equal(expected, Count());
        }
    }

    [Fact]
    public void DamagedTable_StopsOnlyThoseWhoAskForItsRows_EachTime()
    {
        var store = Path.Combine(_books.Folder, "damaged");
        RunStore.Open(store);
        var folder = Directory.GetDirectories(SmokeStudy.Store, "finetune-*")[0];
        var copy = Directory.CreateDirectory(Path.Combine(store, Path.GetFileName(folder))).FullName;
        foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(copy, "scores.parquet"), "no table");
        using var kernel = new SqlKernel(store);
        for (var time = 0; time < 2; time++)
        {
            Assert.True((long)kernel.Run("select count(*) from answers", TestContext.Current.CancellationToken)![0, 0] > 0);
            var error = Assert.Throws<SqlException>(
                () => kernel.Run("select count(*) from scores", TestContext.Current.CancellationToken));
            Assert.Contains(Path.Combine(copy, "scores.parquet"), error.Message, StringComparison.Ordinal);
        }
        // The store without the damaged stage is the one that the kernel saw first.
        Directory.Move(copy, Path.Combine(_books.Folder, "away"));
        Assert.Equal(0L, kernel.Run("select count(*) from scores", TestContext.Current.CancellationToken)![0, 0]);
    }

    [Fact]
    public void TypesThatADataFrameLacks_AreTextOrTheNearestNumber()
    {
        var frame = Query("""
            select 1.50::decimal(10,2) as dec, sum(1) as hug, 1e30::hugeint as huge, date '2020-01-02' as dat,
              timestamp '2020-01-02 03:04:05' as tim, timestamptz '2020-01-02 03:04:05+00' as tz, time '10:00:00' as clo,
              interval 3 days as inter, [1, 2, null] as lis, {'a': 1, 'b': [1]} as stru, map {'k': 1} as mp, 'x'::blob as blo,
              'a'::enum('a', 'b') as enu, [1, 2]::int[2] as arr, union_value(k := 1) as uni,
              'infinity'::date as infd, null as nothing, null::double as nodouble, 'NaN'::double as nan, 1 as same, 2 as same,
              12345678901234567890123456789012345678::decimal(38,0) as big, uuid() as id
            """);
        Assert.Equal(1.50m, frame["dec"][0]);
        Assert.Equal(1L, frame["hug"][0]);
        Assert.StartsWith("1000000000000000", (string)frame["huge"][0], StringComparison.Ordinal);
        Assert.Equal("2020-01-02", frame["dat"][0]);
        Assert.Equal(new DateTime(2020, 1, 2, 3, 4, 5), frame["tim"][0]);
        Assert.Equal(("[1, 2, NULL]", "{'a': 1, 'b': [1]}", "{k=1}", "a", "[1, 2]", "1"),
            ((string)frame["lis"][0], (string)frame["stru"][0], (string)frame["mp"][0], (string)frame["enu"][0],
            (string)frame["arr"][0], (string)frame["uni"][0]));
        Assert.Equal(("infinity", "3 days", "10:00:00"), ((string)frame["infd"][0], (string)frame["inter"][0], (string)frame["clo"][0]));
        Assert.Null(frame["nothing"][0]);
        Assert.Null(frame["nodouble"][0]);
        Assert.Equal(double.NaN, frame["nan"][0]);
        Assert.Equal((1, 2), ((int)frame["same"][0], (int)frame["same 2"][0]));
        Assert.Equal("12345678901234567890123456789012345678", frame["big"][0]);
        Assert.NotEmpty(frame.Columns["id"][0].ToString()!);
        // .NET has no such time: then all times of the table are text.
        frame = Query("select 'infinity'::timestamp as never, timestamp '2020-01-02 03:04:05' as tim, 1.50::decimal(10,2) as dec");
        Assert.Equal(("infinity", "2020-01-02 03:04:05", 1.50m),
            ((string)frame["never"][0], (string)frame["tim"][0], (decimal)frame["dec"][0]));
    }

    [Theory]
    [InlineData("select [i] as l from range(3) t(i) order by i desc", "[2] [1] [0]")]
    [InlineData("values ([1]), ([2]);", "[1] [2]")]
    [InlineData("select [1] as l; -- the last", "[1]")]
    [InlineData("create table t as select 5 as x; select x from t", "5")]
    [InlineData("with a as (select 3 as x) select x::varchar from a", "3")]
    [InlineData("select [1] as l; select 2 as x", "2")]
    [InlineData("select 1 as x; select [7] as l", "[7]")]
    [InlineData("select 'infinity'::timestamp; select [';', '--;'] as l /* ; */; -- ; select 9", "[;, --;]")]
    [InlineData("select 1; select [';'] as \"a;b\", $$;$$ -- last; of all", "[;]")]
    [InlineData("create table u as select 1 as i; insert into u values (2); select 'infinity'::timestamp from u", "infinity infinity")]
    [InlineData("create sequence s; select nextval('s'); select [nextval('s')] as l", "[2]")]
    [InlineData("select 1;; pivot (select 1 as a, 2 as b) on a in (1) using list(b);", "[2]")]
    public void StatementsOfAllKinds_GiveTheLastTable(string sql, string expected) =>
        Assert.Equal(expected, string.Join(' ', Query(sql).Columns[0].Cast<object>()));

    [Fact]
    public void StatementWithoutATable_ShowsNothing()
    {
        using var kernel = new SqlKernel(SmokeStudy.Store);
        Assert.Null(kernel.Run("create table t as select 1", TestContext.Current.CancellationToken));
        Assert.Null(kernel.Run("select 1; create table u as select 1", TestContext.Current.CancellationToken));
    }

    [Fact]
    public void StatementThatIsNoQuery_RunsOnce()
    {
        using var kernel = new SqlKernel(SmokeStudy.Store);
        long Count() => (long)kernel.Run("select count(*) from t", TestContext.Current.CancellationToken)![0, 0];
        kernel.Run("create table t(i timestamp)", TestContext.Current.CancellationToken);
        // .NET has no value for the time that the statement returns.
        Assert.Throws<SqlException>(
            () => kernel.Run("insert into t values ('infinity') returning i", TestContext.Current.CancellationToken));
        Assert.Equal(1, Count());
        // One statement of several is no SQL: none runs.
        Assert.Throws<SqlException>(
            () => kernel.Run("insert into t values (now()::timestamp); form t", TestContext.Current.CancellationToken));
        Assert.Equal(1, Count());
    }

    [Theory]
    [InlineData(2, "Binder Error: Referenced column \"Categroy\" not found in FROM clause! Candidate bindings: \"Category\"",
        "#!sql\nselect Categroy from labels")]
    [InlineData(5, "Binder Error: Referenced column \"Categroy\" not found",
        "#!sql\nselect 1;\n\nselect Category,\n  Categroy from labels")]
    [InlineData(4, "Parser Error: syntax error at or near \"labels\"", "#!sql\n\nselect 1\nform labels")]
    [InlineData(1, "there is no statement behind #!sql.", "#!sql\n-- nothing")]
    [InlineData(3, "Catalog Error: Table with name epoch does not exist!", "var a = 1;\n#!sql\nselect * from epoch")]
    [InlineData(2, "Conversion Error: Could not convert string 'x' to INT32", "#!sql\nselect 'x'::int")]
    public void WrongQuery_IsOneLineWithItsLine(int line, string message, string code)
    {
        var run = Run(code);
        Assert.StartsWith(message, run.Failure?.Error.Message ?? "", StringComparison.Ordinal);
        Assert.Equal((line, ""), (run.Failure!.Line, run.Failure.Error.Kind));
        Assert.DoesNotContain('\n', run.Failure.ToString());
    }

    [Fact]
    public void Result_IsATable_AndADataFrameForCSharp()
    {
        var run = Run("#!sql --name labelled\nselect Category, count(*) as n from labels group by all order by all",
            "#!set --byref --name frame --value @sql:last\nframe.Rows.Count",
            "#!share --from sql labelled\nlabelled.Columns[1].Name",
            "#!sql\nselect i from range(30) t(i)");
        Assert.Null(run.Failure?.ToString());
        var cells = run.Notebook.Cells;
        Assert.Contains("slick-table", string.Concat(Workbooks.Value(cells[1])!["text/html"]!.AsArray().Select(l => (string?)l)),
            StringComparison.Ordinal);
        var categories = SmokeStudy.Result.Labels.Select(l => l.Category).Distinct().Count();
        Assert.Equal(categories.ToString(System.Globalization.CultureInfo.InvariantCulture), Workbooks.Text(cells[2]));
        Assert.Equal("n", Workbooks.Text(cells[3]));
        Assert.Contains("30 rows in all", Workbooks.Text(cells[4]), StringComparison.Ordinal);
    }

    [Fact]
    public void PublishedResultsThatTheNotebookNames_AreInTheViews()
    {
        var (study, folder) = (SmokeStudy.Result, Path.Combine(_books.Folder, "it's published"));
        PublishedStudy.Write(study, folder);
        const string Published = "where Preset like 'published%'";
        var run = _books.Run($"var store = {Literal(Path.Combine(_books.Folder, "empty"))}; var results = \"nowhere\";",
            "#!sql\nselect count(*) from runs",
            $"results = {Literal(folder)};",
            "#!sql\nselect count(*) from answers join runs using (Run, Preset, Arm, Labels) join labels using (Labels, FactId)",
            $"#!sql\nselect count(*) from labels join exposures using (World, FactId) {Published.Replace("Preset", "labels.Preset",
                StringComparison.Ordinal)}",
            $"#!sql\nselect count(*) from scores {Published} and Arm = 'D 50%'",
            $"#!sql\nselect sum(GoldExposures) from exposures {Published} and Told = 'RivalMajority'",
            "#!sql\nselect count(*) from facts join labels on Id = FactId and facts.World = labels.World "
                + "and facts.Answer = labels.Answer");
        Assert.Null(run.Failure?.ToString());
        var half = study.Runs.Where(r => r.Kind == ArmKind.Ratio && r.UnknownPercent == 50).Select(r => r.Run).ToHashSet();
        var labelled = study.Labels.Select(l => l.FactId).ToHashSet();
        Assert.Equal([0L, study.Answers.Count, study.Labels.Count, study.Scores.Count(s => half.Contains(s.Run)),
            study.Exposures.Where(e => labelled.Contains(e.FactId) && e.Told == Told.RivalMajority).Sum(e => e.GoldExposures),
            study.Labels.Count],
            run.Notebook.Cells.Where(c => c.Source.StartsWith("#!sql", StringComparison.Ordinal)).Select(c => long.Parse(
                Workbooks.Text(c).Split('\n')[2], System.Globalization.CultureInfo.InvariantCulture)));
    }

    private static string Literal(string text) => Microsoft.CodeAnalysis.CSharp.SymbolDisplay.FormatLiteral(text, true);

    [Fact]
    public void ValueOfCSharp_IsAParameterOfTheQuery()
    {
        var run = Run("var wanted = \"Unknown\"; var least = 0;",
            "#!sql\n#!set --name wanted --value @csharp:wanted\n#!set --name least --value @csharp:least\n"
            + "select $wanted; select distinct Category from labels join exposures using (BaseSeed, FactId) "
            + "where Category = $wanted and GoldExposures >= $least");
        Assert.Null(run.Failure?.ToString());
        Assert.Contains("Unknown", Workbooks.Text(run.Notebook.Cells[2]), StringComparison.Ordinal);
    }

    [Fact]
    public void MissingResult_IsAnError()
    {
        var failure = Run("#!set --byref --name frame --value @sql:last").Failure!;
        Assert.Contains("There is no result 'last' of #!sql; no query has run.", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongQuery_IsInterrupted()
    {
        var kernel = new SqlKernel(SmokeStudy.Store);
        using var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Assert.NotNull(kernel.Run("select 1", source.Token));
        var signal = Path.Combine(_books.Folder, "runs.csv");
        var query = Task.Run(
            () => kernel.Run($"copy (select 1) to '{signal.Replace("'", "''", StringComparison.Ordinal)}'; {Endless}", source.Token),
            TestContext.Current.CancellationToken);
        for (var clock = Stopwatch.StartNew(); !File.Exists(signal) && !query.IsCompleted && clock.Elapsed < Patience;)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.True(File.Exists(signal));
        await source.CancelAsync();
        await Ends(query);
        Assert.Equal(1, kernel.Run("select 1", TestContext.Current.CancellationToken)![0, 0]);
        kernel.Dispose();
    }

    [Fact]
    public async Task InterruptBeforeTheQueryBegins_IsNotLost()
    {
        // The token is signalled while the views are made and the query is looked at.
        for (var milliseconds = 0; milliseconds < 40; milliseconds += 2)
        {
            var kernel = new SqlKernel(SmokeStudy.Store);
            using var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            source.CancelAfter(milliseconds);
            await Ends(Task.Run(() => kernel.Run(Endless, source.Token), TestContext.Current.CancellationToken));
            Assert.Equal(1, kernel.Run("select 1", TestContext.Current.CancellationToken)![0, 0]);
            kernel.Dispose();
        }
    }

    private const string Endless = "select count(*) from range(1000000000) a, range(1000000) b where a.range % 7 = b.range % 5";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Where it does not end, the query runs on until the process of the tests ends: its kernel cannot be disposed of.
    private static async Task Ends(Task query)
    {
        Assert.Same(query, await Task.WhenAny(query, Task.Delay(Patience, TestContext.Current.CancellationToken)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => query);
    }

    [Fact]
    public void ProgramsOutputs_HoldOneNativeFileOfDuckDB() =>
        Assert.Single(Directory.GetFiles(AppContext.BaseDirectory, "*duckdb*", SearchOption.AllDirectories),
            f => f.Contains("native", StringComparison.Ordinal)
                && Path.GetFileNameWithoutExtension(f).EndsWith("duckdb", StringComparison.Ordinal));
}

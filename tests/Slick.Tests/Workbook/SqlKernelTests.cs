using System.Diagnostics;
using Microsoft.Data.Analysis;
using Slick.Knowledge;
using Slick.Studies;
using Slick.Tests.Studies;
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

    private NotebookRun Run(params string[] code) => _books.Run([$"var store = {Microsoft.CodeAnalysis.CSharp.SymbolDisplay.FormatLiteral(SmokeStudy.Store, true)};", .. code]);

    [Fact]
    public void Views_HoldTheRowsOfTheStore()
    {
        var study = SmokeStudy.Result;
        Assert.Equal((long)study.Epochs.Count, Query("select count(*) from scores")[0, 0]);
        Assert.Equal((long)study.Answers.Count, Query("select count(*) from answers")[0, 0]);
        Assert.Equal((long)study.Labels.Count, Query("select count(*) from labels")[0, 0]);
        Assert.Equal((long)study.Bases.Sum(b => b.Facts.Count), Query("select count(*) from facts")[0, 0]);
        var best = Query("select Arm, BaseSeed, Seed, max(DevAccuracy) as Best from scores where Epoch > 0 group by all order by all");
        foreach (var row in best.Rows)
            Assert.Equal(study.Epochs.Where(e => e.Epoch > 0 && new Arm(e.Kind, e.UnknownPercent).ToString() == (string)row[0] && e.BaseSeed == (int)row[1] && e.Seed == (int)row[2]).Max(e => e.DevAccuracy), row[3]);
        Assert.Equal(study.Labels.Count(l => l.Category == Category.Unknown), (int)(long)Query("select count(*) from labels where Category = 'Unknown'")[0, 0]);
        Assert.Equal(1, Query("select distinct Preset, BaseSeed from labels").Rows.Count);
    }

    [Fact]
    public void Runs_SayWhichPresetAndArmAStageBelongsTo()
    {
        var runs = Query("from runs order by Title");
        Assert.Equal(RunStore.OpenExisting(SmokeStudy.Store).List().Count, runs.Rows.Count);
        Assert.All(runs.Rows, row => Assert.Equal(("smoke", "complete"), ((string)row[2], (string)row[6])));
        Assert.Equal(SmokeStudy.Result.Epochs.Select(e => new Arm(e.Kind, e.UnknownPercent).ToString()).Distinct().Order(StringComparer.Ordinal),
            Query("select distinct Arm from runs where Stage = 'run'").Rows.Select(r => (string)r[0]).Order(StringComparer.Ordinal));
        Assert.Equal(SmokeStudy.Result.Bases[0].Folder, Query("select Folder from runs where Stage = 'model'")[0, 0]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StoreWithoutResults_HasViewsWithoutRows(bool exists)
    {
        var store = Path.Combine(_books.Folder, "empty");
        if (exists) RunStore.Open(store);
        foreach (var (view, row) in new[] { ("facts", typeof(global::Slick.Facts.Fact)), ("labels", typeof(LabelRow)), ("scores", typeof(EpochRow)), ("answers", typeof(AnswerRow)), ("runs", typeof(StoredRun)) })
        {
            var (empty, full) = (Query($"from {view}", store), Query($"from {view}"));
            Assert.Equal(0, empty.Rows.Count);
            Assert.Superset(row.GetProperties().Select(p => p.Name).ToHashSet(), empty.Columns.Select(c => c.Name).ToHashSet());
            Assert.Equal(full.Columns.Select(c => c.Name), empty.Columns.Select(c => c.Name));
            Assert.Equal(Query($"select column_type from (describe {view})").Columns[0].Cast<object>(), Query($"select column_type from (describe {view})", store).Columns[0].Cast<object>());
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
        foreach (var folder in Directory.GetDirectories(SmokeStudy.Store, "run-*").Take(2))
        {
            var copy = Directory.CreateDirectory(Path.Combine(store, Path.GetFileName(folder))).FullName;
            foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            expected += Tables.Read<EpochRow>(Path.Combine(folder, "epochs.parquet")).Count;
            Assert.Equal(expected, Count());
        }
    }

    [Fact]
    public void DamagedTable_StopsOnlyThoseWhoAskForItsRows()
    {
        var store = Path.Combine(_books.Folder, "damaged");
        RunStore.Open(store);
        var folder = Directory.GetDirectories(SmokeStudy.Store, "run-*")[0];
        var copy = Directory.CreateDirectory(Path.Combine(store, Path.GetFileName(folder))).FullName;
        foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(copy, "epochs.parquet"), "no table");
        Assert.True((long)Query("select count(*) from answers", store)[0, 0] > 0);
        var error = Assert.Throws<SqlException>(() => Query("select count(*) from scores", store));
        Assert.Contains(Path.Combine(copy, "epochs.parquet"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TypesThatADataFrameLacks_AreTextOrTheNearestNumber()
    {
        var frame = Query("""
            select 1.50::decimal(10,2) as dec, sum(1) as hug, 1e30::hugeint as huge, date '2020-01-02' as dat, timestamp '2020-01-02 03:04:05' as tim, timestamptz '2020-01-02 03:04:05+00' as tz, time '10:00:00' as clo,
              interval 3 days as inter, [1, 2, null] as lis, {'a': 1, 'b': [1]} as stru, map {'k': 1} as mp, 'x'::blob as blo, 'a'::enum('a', 'b') as enu, [1, 2]::int[2] as arr, union_value(k := 1) as uni,
              'infinity'::date as infd, null as nothing, null::double as nodouble, 'NaN'::double as nan, 1 as same, 2 as same, 12345678901234567890123456789012345678::decimal(38,0) as big, uuid() as id
            """);
        Assert.Equal(1.50m, frame["dec"][0]);
        Assert.Equal(1L, frame["hug"][0]);
        Assert.StartsWith("1000000000000000", (string)frame["huge"][0], StringComparison.Ordinal);
        Assert.Equal("2020-01-02", frame["dat"][0]);
        Assert.Equal(new DateTime(2020, 1, 2, 3, 4, 5), frame["tim"][0]);
        Assert.Equal(("[1, 2, NULL]", "{'a': 1, 'b': [1]}", "{k=1}", "a", "[1, 2]", "1"), ((string)frame["lis"][0], (string)frame["stru"][0], (string)frame["mp"][0], (string)frame["enu"][0], (string)frame["arr"][0], (string)frame["uni"][0]));
        Assert.Equal(("infinity", "3 days", "10:00:00"), ((string)frame["infd"][0], (string)frame["inter"][0], (string)frame["clo"][0]));
        Assert.Null(frame["nothing"][0]);
        Assert.Null(frame["nodouble"][0]);
        Assert.Equal(double.NaN, frame["nan"][0]);
        Assert.Equal((1, 2), ((int)frame["same"][0], (int)frame["same 2"][0]));
        Assert.Equal("12345678901234567890123456789012345678", frame["big"][0]);
        Assert.NotEmpty(frame.Columns["id"][0].ToString()!);
        // .NET has no such time: then all times of the table are text.
        frame = Query("select 'infinity'::timestamp as never, timestamp '2020-01-02 03:04:05' as tim, 1.50::decimal(10,2) as dec");
        Assert.Equal(("infinity", "2020-01-02 03:04:05", 1.50m), ((string)frame["never"][0], (string)frame["tim"][0], (decimal)frame["dec"][0]));
    }

    [Theory]
    [InlineData("select [i] as l from range(3) t(i) order by i desc", "[2] [1] [0]")]
    [InlineData("values ([1]), ([2]);", "[1] [2]")]
    [InlineData("select [1] as l; -- the last", "[1]")]
    [InlineData("create table t as select 5 as x; select x from t", "5")]
    [InlineData("with a as (select 3 as x) select x::varchar from a", "3")]
    public void StatementsOfAllKinds_GiveTheLastTable(string sql, string expected) =>
        Assert.Equal(expected, string.Join(' ', Query(sql).Columns[0].Cast<object>()));

    [Fact]
    public void StatementWithoutATable_ShowsNothing()
    {
        using var kernel = new SqlKernel(SmokeStudy.Store);
        Assert.Null(kernel.Run("create table t as select 1", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(2, "Binder Error: Referenced column \"Categroy\" not found in FROM clause! Candidate bindings: \"Category\"", "#!sql\nselect Categroy from labels")]
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
        Assert.Contains("slick-table", string.Concat(Workbooks.Value(cells[1])!["text/html"]!.AsArray().Select(l => (string?)l)), StringComparison.Ordinal);
        Assert.Equal(SmokeStudy.Result.Labels.Select(l => l.Category).Distinct().Count().ToString(System.Globalization.CultureInfo.InvariantCulture), Workbooks.Text(cells[2]));
        Assert.Equal("n", Workbooks.Text(cells[3]));
        Assert.Contains("30 rows in all", Workbooks.Text(cells[4]), StringComparison.Ordinal);
    }

    [Fact]
    public void ValueOfCSharp_IsAParameterOfTheQuery()
    {
        var run = Run("var wanted = \"Unknown\"; var least = 0;", "#!sql\n#!set --name wanted --value @csharp:wanted\n#!set --name least --value @csharp:least\nselect distinct Category from labels where Category = $wanted and GoldExposures >= $least");
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
    public void LongQuery_IsInterrupted()
    {
        using var kernel = new SqlKernel(SmokeStudy.Store);
        using var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Assert.NotNull(kernel.Run("select 1", source.Token));
        source.CancelAfter(300);
        var clock = Stopwatch.StartNew();
        Assert.Throws<OperationCanceledException>(() => kernel.Run("select count(*) from range(1000000000) a, range(1000000) b where a.range % 7 = b.range % 5", source.Token));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), clock.Elapsed.ToString());
    }

    [Fact]
    public void ProgramsOutputs_HoldOneNativeFileOfDuckDB() =>
        Assert.Single(Directory.GetFiles(AppContext.BaseDirectory, "*duckdb*", SearchOption.AllDirectories), f => f.Contains("native", StringComparison.Ordinal) && Path.GetFileNameWithoutExtension(f).EndsWith("duckdb", StringComparison.Ordinal));
}

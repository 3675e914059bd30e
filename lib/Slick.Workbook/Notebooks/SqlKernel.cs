using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using DuckDB.NET.Native;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.CSharp;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Directives;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;
using Microsoft.DotNet.Interactive.ValueSharing;
using Slick.Experiments;
using Slick.Storage;

namespace Slick.Workbook.Notebooks;

/// <summary>An error in a query.</summary>
/// <param name="message">DuckDB's message, on one line.</param>
/// <param name="line">Line in the query, from 1; 0 where it is not known.</param>
internal sealed class SqlException(string message, int line) : SlickException(message)
{
    /// <summary>Line in the query, from 1; 0 where it is not known.</summary>
    public int Line => line;
}

/// <summary>
/// The kernel of <c>#!sql</c>: SQL over the store, in <c>slick run</c> and in the tool dotnet-interactive. DuckDB reads the Parquet files
/// in the store's folders, and those of the published results that the C# variable <c>results</c> names
/// (<see cref="ResultsChoice"/>). The views are <c>stages</c> (one row for each stage), <c>runs</c>, <c>epochs</c>, <c>scores</c> (one row
/// for each epoch, set and category), <c>answers</c>, <c>facts</c>, <c>labels</c> and <c>exposures</c>. Each row has its <c>Preset</c>.
/// The views runs, epochs, scores and answers are joined by <c>Run</c>; answers and labels by <c>Labels</c> and <c>FactId</c>; labels,
/// exposures and facts by <c>World</c> and <c>FactId</c>, which is <c>Id</c> in facts. Preset and BaseSeed are no key: studies that differ
/// in an option share them. Right is a word of SQL, so this column is written in quotation marks: <c>sum("Right")</c>. Taught in
/// <c>notebooks/04-categories.ipynb</c>.
/// </summary>
/// <remarks>
/// The result is a <see cref="DataFrame"/>. C# gets it by <c>#!set --byref --name frame --value @sql:last</c>. After
/// <c>#!sql --name rows</c> it is also <c>@sql:rows</c>. A value that another kernel sends (<c>#!set</c> in the SQL cell) is
/// <c>$name</c> in the query. The store is that of the C# variable <c>store</c>, else that of <see cref="RunStore.Locate"/>.
/// </remarks>
public sealed partial class SqlKernel : Kernel, IKernelCommandHandler<SubmitCode>, IKernelCommandHandler<RequestValue>,
    IKernelCommandHandler<RequestValueInfos>, IKernelCommandHandler<SendValue>
{
    private const string Last = "last";

    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(50);

    private readonly string? _store;
    private readonly DuckDBConnection _database = new("DataSource=:memory:");
    private readonly Dictionary<string, DataFrame> _results = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly SqlViews _views;

    /// <summary>Makes a kernel named <c>sql</c>.</summary>
    /// <param name="store">The store's folder; null for that of the C# variable <c>store</c>, else the default.</param>
    public SqlKernel(string? store = null) : base("sql")
    {
        (_store, _views, KernelInfo.LanguageName) = (store, new(_database), "SQL");
        KernelInfo.Description = "SQL over the store: stages, runs, epochs, scores, answers, facts, labels, exposures";
        RegisterForDisposal(_database);
    }

    /// <summary>Adds a kernel <c>#!sql</c> to a notebook, unless it has one.</summary>
    /// <param name="root">The notebook's root kernel: <c>Kernel.Root</c> in a cell.</param>
    public static void AddTo(Kernel root)
    {
        if (root is CompositeKernel kernels && kernels.ChildKernels.All(k => k.Name != "sql"))
            kernels.Add(new SqlKernel().UseValueSharing().UseWho());
    }

    /// <summary>The directive <c>#!sql</c>. Its parameter <c>--name</c> names the result.</summary>
    public override KernelSpecifierDirective KernelSpecifierDirective
    {
        get
        {
            var directive = base.KernelSpecifierDirective;
            if (!directive.Parameters.Any(p => p.Name == "--name"))
                directive.Parameters.Add(new("--name") { Description = "The name under which other kernels find the result." });
            return directive;
        }
    }

    Task IKernelCommandHandler<SubmitCode>.HandleAsync(SubmitCode command, KernelInvocationContext context)
    {
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Runtime.Host.Cancellation);
            if (Run(command.Code, stop.Token) is { } frame)
            {
                _results[Last] = frame;
                if (command.Parameters.TryGetValue("--name", out var name) && !string.IsNullOrWhiteSpace(name))
                    _results[name] = frame;
                context.Publish(new ReturnValueProduced(frame, command, FormattedValue.CreateManyFromObject(frame)));
            }
        }
        catch (Exception e) when (e is SlickException or OperationCanceledException)
        {
            context.Fail(command, e, e.Message);
        }
        return Task.CompletedTask;
    }

    Task IKernelCommandHandler<RequestValue>.HandleAsync(RequestValue command, KernelInvocationContext context)
    {
        if (_results.TryGetValue(command.Name, out var frame))
            context.Publish(new ValueProduced(frame, command.Name, Format(frame, command.MimeType), command));
        else
            context.Fail(command,
                message: $"There is no result '{command.Name}' of #!sql; "
                + (_results.Count == 0 ? "no query has run." : $"there is {string.Join(", ", _results.Keys)}."));
        return Task.CompletedTask;
    }

    Task IKernelCommandHandler<RequestValueInfos>.HandleAsync(RequestValueInfos command, KernelInvocationContext context)
    {
        context.Publish(new ValueInfosProduced([.. _results.Select(r =>
            new KernelValueInfo(r.Key, Format(r.Value, command.MimeType), typeof(DataFrame)))], command));
        return Task.CompletedTask;
    }

    Task IKernelCommandHandler<SendValue>.HandleAsync(SendValue command, KernelInvocationContext context)
    {
        var value = command.Value ?? (command.FormattedValue is { MimeType: "application/json" } json ? Plain(JsonNode.Parse(json.Value))
            : command.FormattedValue?.Value);
        if (value is null or string or bool or int or long or float or double or decimal or DateTime)
            _values[command.Name] = value;
        else
            context.Fail(command,
                message: $"'{command.Name}' is a {value.GetType().Name}; a query takes text, numbers, true and false, and times.");
        return Task.CompletedTask;
    }

    private static object? Plain(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.String => node.GetValue<string>(),
        JsonValueKind.True or JsonValueKind.False => (object)node.GetValue<bool>(),
        JsonValueKind.Number => node.AsValue().TryGetValue<long>(out var whole) ? (object)whole : node.GetValue<double>(),
        _ => node,
    };

    private static FormattedValue Format(DataFrame frame, string mimeType) => mimeType != "application/json"
        ? FormattedValue.CreateSingleFromObject(frame, mimeType)
        : new FormattedValue(mimeType, new JsonArray([.. frame.Rows.Select(row => new JsonObject(frame.Columns.Select((column, i) =>
            KeyValuePair.Create(column.Name, row[i] is double or float
                && !double.IsFinite(Convert.ToDouble(row[i], CultureInfo.InvariantCulture)) ? null
                : JsonSerializer.SerializeToNode(row[i])))))]).ToJsonString());

    /// <summary>Runs statements, each of them once.</summary>
    /// <param name="sql">One or more statements.</param>
    /// <param name="cancel">Interrupts the statement that is running.</param>
    /// <returns>The table of the last statement; null where it gives none.</returns>
    /// <exception cref="SlickException">A statement is wrong, or the store cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    internal DataFrame? Run(string sql, CancellationToken cancel)
    {
        if (_database.State != System.Data.ConnectionState.Open)
            _database.Open();
        // DuckDB forgets an interrupt when a statement begins. So the interrupt is repeated until the last statement has ended.
        using var ended = new ManualResetEvent(false);
        var interrupt = new Timer(_ => _database.NativeConnection.Interrupt());
        try
        {
            using var stop = cancel.Register(() => interrupt.Change(TimeSpan.Zero, Again));
            cancel.ThrowIfCancellationRequested();
            _views.Refresh(_store ?? Variable("store"), Variable("results"), sql);
            cancel.ThrowIfCancellationRequested();
            var (before, last) = Split(sql);
            if (before.Length > 0)
            {
                using var command = Command(before);
                command.ExecuteNonQuery();
            }
            cancel.ThrowIfCancellationRequested();
            var query = Readable(last, Simple());
            cancel.ThrowIfCancellationRequested();
            try
            {
                return Table(query ?? last, cancel);
            }
            catch (Exception e) when (query is not null && e is InvalidOperationException or ArgumentOutOfRangeException
                && !cancel.IsCancellationRequested)
            {
                // .NET has no value for some times, such as infinity. Only a query is run again; other statements must not run twice.
                return Table(Readable(last, WithoutTimes()) ?? last, cancel);
            }
        }
        catch (Exception e) when (cancel.IsCancellationRequested && e is DuckDBException or InvalidOperationException)
        {
            throw new OperationCanceledException("The query was interrupted.", e, cancel);
        }
        catch (Exception e) when (e is DuckDBException or InvalidOperationException or ArgumentOutOfRangeException)
        {
            throw Describe(e.Message, sql);
        }
        finally
        {
            // An interrupt that is still pending would stop the next cell's query.
            if (interrupt.Dispose(ended))
                ended.WaitOne();
        }
    }

    // All statements but the last; and the last without its semicolon, on its own lines. DuckDB gives the number of statements of a text,
    // but not where they end. So each semicolon is tried, since it may be in a string or a comment. A pivot counts as several statements.
    private (string Before, string Last) Split(string sql)
    {
        var all = Statements(sql);
        var (begin, end, last) = (0, sql.Length, 0);
        for (var at = sql.Length - 1; all > 0 && at >= 0; at--)
        {
            if (sql[at] != ';')
                continue;
            var behind = Statements(sql[(at + 1)..]);
            if (behind < 0 || Statements(sql[..at]) + behind != all)
                continue;
            if (behind == 0)
                end = at;
            else if (last == 0 || (behind == last && Statements(sql[(at + 1)..begin]) != 0))
                (begin, last) = (at + 1, behind);
            else
                break;
        }
        return (sql[..begin], new string('\n', sql.AsSpan(0, begin).Count('\n')) + sql[begin..end]);
    }

    // The number of statements of a text; -1 where the text is no SQL.
    private int Statements(string sql)
    {
        var count = NativeMethods.ExtractStatements.DuckDBExtractStatements(_database.NativeConnection, sql, out var statements);
        using (statements)
            return count == 0 && NativeMethods.ExtractStatements.DuckDBExtractStatementsError(statements) is { Length: > 0 } ? -1 : count;
    }

    private DataFrame? Table(string sql, CancellationToken cancel)
    {
        using var command = Command(sql);
        using var reader = command.ExecuteReader();
        DataFrame? frame = null;
        do
        {
            if (reader.FieldCount > 0)
                frame = Read(reader, cancel);
        }
        while (reader.NextResult());
        return frame;
    }

    // DuckDB gives the place of an error after an empty line, with a picture of it.
    private static SqlException Describe(string message, string sql)
    {
        if (string.IsNullOrWhiteSpace(EmptyOrComments().Replace(sql, "")))
            return new SqlException("there is no statement behind #!sql.", 0);
        var place = Place().Match(message);
        return new SqlException(CodeError.OneLine(place.Success ? message[..place.Index] : message), place.Success
            ? int.Parse(place.Groups["line"].Value, CultureInfo.InvariantCulture) : 0);
    }

    private DuckDBCommand Command(string sql)
    {
        var command = _database.CreateCommand();
        command.CommandText = sql;
        foreach (var name in Parameter().Matches(sql).Select(m => m.Groups["name"].Value).Distinct().Where(_values.ContainsKey))
            command.Parameters.Add(new DuckDBParameter(name, _values[name]));
        return command;
    }

    // A data frame has columns of text, numbers, booleans and times. DuckDB converts all other types to text. A query that has no other
    // types is not changed. Null: the statement is no query, or DuckDB cannot describe it before it runs.
    private string? Readable(string query, Regex simple)
    {
        if (!Query().IsMatch(EmptyOrComments().Replace(query, "")))
            return null;
        var types = new List<(string Name, string Type)>();
        try
        {
            using var command = Command("describe " + query);
            using var reader = command.ExecuteReader();
            while (reader.Read())
                types.Add((reader.GetString(0), reader.GetString(1)));
        }
        catch (Exception e) when (e is DuckDBException or InvalidOperationException)
        {
            return null;
        }
        if (types.All(t => simple.IsMatch(t.Type)))
            return query;
        var columns = types.Select((t, i) =>
            FormattableString.Invariant($"c{i}{(simple.IsMatch(t.Type) ? "" : "::varchar")} as {SqlViews.Quoted(t.Name)}"));
        var names = types.Select((_, i) => FormattableString.Invariant($"c{i}"));
        return $"select {string.Join(", ", columns)} from ({query}\n) as t({string.Join(", ", names)})";
    }

    private static DataFrame Read(DuckDBDataReader reader, CancellationToken cancel)
    {
        var values = Enumerable.Range(0, reader.FieldCount).Select(_ => new List<object?>()).ToList();
        while (reader.Read())
        {
            cancel.ThrowIfCancellationRequested();
            for (var i = 0; i < values.Count; i++)
                values[i].Add(reader.IsDBNull(i) ? null : Value(reader, i));
        }
        var names = new HashSet<string>(StringComparer.Ordinal);
        return new DataFrame(values.Select((column, i) =>
        {
            // A data frame needs a different name for each column.
            var name = reader.GetName(i);
            for (var n = 2; !names.Add(name); n++) name = FormattableString.Invariant($"{reader.GetName(i)} {n}");
            return Column(name, column);
        }));
    }

    private static object Value(DuckDBDataReader reader, int i)
    {
        var value = reader.GetValue(i);
        return value is System.Numerics.BigInteger whole ? whole >= long.MinValue && whole <= long.MaxValue ? (long)whole
            : whole.ToString(CultureInfo.InvariantCulture) : value;
    }

    private static DataFrameColumn Column(string name, List<object?> values)
    {
        var types = values.Where(v => v is not null).Select(v => v!.GetType()).Distinct().ToList();
        T?[] Of<T>() where T : struct => [.. values.Select(v => (T?)v)];
        return (types.Count == 1 ? Type.GetTypeCode(types[0]) : TypeCode.String) switch
        {
            TypeCode.Boolean => new BooleanDataFrameColumn(name, Of<bool>()),
            TypeCode.SByte => new SByteDataFrameColumn(name, Of<sbyte>()),
            TypeCode.Byte => new ByteDataFrameColumn(name, Of<byte>()),
            TypeCode.Int16 => new Int16DataFrameColumn(name, Of<short>()),
            TypeCode.UInt16 => new UInt16DataFrameColumn(name, Of<ushort>()),
            TypeCode.Int32 => new Int32DataFrameColumn(name, Of<int>()),
            TypeCode.UInt32 => new UInt32DataFrameColumn(name, Of<uint>()),
            TypeCode.Int64 => new Int64DataFrameColumn(name, Of<long>()),
            TypeCode.UInt64 => new UInt64DataFrameColumn(name, Of<ulong>()),
            TypeCode.Single => new SingleDataFrameColumn(name, Of<float>()),
            TypeCode.Double => new DoubleDataFrameColumn(name, Of<double>()),
            TypeCode.Decimal => new DecimalDataFrameColumn(name, Of<decimal>()),
            TypeCode.DateTime => new DateTimeDataFrameColumn(name, Of<DateTime>()),
            _ => new StringDataFrameColumn(name, values.Select(v => v is null ? null : Convert.ToString(v, CultureInfo.InvariantCulture))),
        };
    }

    private string? Variable(string name) => (RootKernel as CompositeKernel)?.ChildKernels.OfType<CSharpKernel>().FirstOrDefault()
        is { } csharp && csharp.TryGetValue<object>(name, out var value) ? value as string : null;

    [GeneratedRegex(@"^(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|VARCHAR|"
        + @"TIMESTAMP(_S|_MS|_NS)?|DECIMAL\((1\d|2[0-8]|\d),\d+\))$")]
    private static partial Regex Simple();

    [GeneratedRegex(@"^(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|VARCHAR|DECIMAL\((1\d|2[0-8]|\d),\d+\))$")]
    private static partial Regex WithoutTimes();

    [GeneratedRegex(@"^\s*(select|with|from|values|table|pivot|unpivot|\()", RegexOptions.IgnoreCase)]
    private static partial Regex Query();

    [GeneratedRegex(@"--[^\n]*|/\*.*?\*/|;\s*$", RegexOptions.Singleline)]
    private static partial Regex EmptyOrComments();

    [GeneratedRegex(@"\s*\n\s*LINE (?<line>\d+):", RegexOptions.ExplicitCapture)]
    private static partial Regex Place();

    [GeneratedRegex(@"\$(?<name>[A-Za-z_]\w*)", RegexOptions.ExplicitCapture)]
    private static partial Regex Parameter();
}

using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Data.Analysis;
using Parquet;
using Parquet.Schema;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>
/// Tables of records, with one column for each property, named as the property. In a file a table is Parquet, in a notebook a
/// <see cref="DataFrame"/>. A property without a setter follows from others: it is written and shown, and not read. Column types: text,
/// int, double, bool. An enumeration is stored as the text of its name.
/// </summary>
public static class Tables
{
    private sealed record Column(string Name, Type Type, Func<object, object?> Get, Action<object, object?>? Set,
        bool IsRequired);

    /// <summary>Writes a table as Parquet. The same rows give the same bytes.</summary>
    /// <typeparam name="T">The record of a row.</typeparam>
    /// <param name="path">The file.</param>
    /// <param name="rows">The rows.</param>
    /// <exception cref="SlickException">The file cannot be written. Nothing is left behind.</exception>
    /// <exception cref="NotSupportedException">A property's type is none of the column types.</exception>
    public static void Write<T>(string path, IReadOnlyList<T> rows) where T : class
    {
        var columns = Columns<T>();
        var fields = columns.Select(c => new DataField(c.Name, Stored(c.Type), isNullable: false)).ToArray();
        // The table is first written into memory, because the library writes asynchronously. So a full disk gives one error in one place.
        using var memory = new MemoryStream();
        Wait(async () =>
        {
            var options = new ParquetOptions { CompressionMethod = CompressionMethod.Zstd };
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(fields), memory, options);
            using var group = writer.CreateRowGroup();
            for (var i = 0; i < columns.Count; i++)
            {
                var (field, type, get) = (fields[i], Stored(columns[i].Type), columns[i].Get);
                if (type == typeof(string)) await group.WriteAsync(field, rows.Select(r => get(r)?.ToString() ?? "").ToArray());
                else if (type == typeof(int)) await group.WriteAsync<int>(field, rows.Select(r => (int)get(r)!).ToArray());
                else if (type == typeof(double)) await group.WriteAsync<double>(field, rows.Select(r => (double)get(r)!).ToArray());
                else await group.WriteAsync<bool>(field, rows.Select(r => (bool)get(r)!).ToArray());
            }
        });
        AtomicFile.Write(path, stream => memory.WriteTo(stream));
    }

    /// <summary>Reads a table that <see cref="Write"/> wrote.</summary>
    /// <typeparam name="T">The record of a row.</typeparam>
    /// <param name="path">The file.</param>
    /// <exception cref="SlickException">The file is missing, damaged or truncated, or lacks the column of a property that is
    /// <c>required</c>. Other properties whose column is missing keep their default.</exception>
    public static IReadOnlyList<T> Read<T>(string path) where T : class
    {
        NotDownloaded.Refuse(path);
        var columns = Columns<T>();
        try
        {
            var file = File.ReadAllBytes(path);
            ParquetLimits.Check(file);
            return Wait(async () =>
            {
                await using var reader = await ParquetReader.CreateAsync(new MemoryStream(file), leaveStreamOpen: false);
                var fields = reader.Schema.DataFields.ToDictionary(f => f.Name, StringComparer.Ordinal);
                var rows = new List<T>();
                for (var g = 0; g < reader.RowGroupCount; g++)
                {
                    using var group = reader.OpenRowGroupReader(g);
                    var block = new T[group.RowCount];
                    for (var i = 0; i < block.Length; i++) block[i] = (T)RuntimeHelpers.GetUninitializedObject(typeof(T));
                    foreach (var column in columns.Where(c => c.Set is not null))
                    {
                        if (!fields.TryGetValue(column.Name, out var field))
                        {
                            // Files of an earlier version lack columns that are younger; their rows keep the property's default.
                            if (!column.IsRequired && Activator.CreateInstance(typeof(T)) is { } fresh)
                            {
                                foreach (var row in block) column.Set!(row, column.Get(fresh));
                                continue;
                            }
                            throw new SlickException(
                                $"{path}: the column '{column.Name}' is missing; the file was written by another version: "
                                + $"{StoredResult.Cure(path)}.");
                        }
                        var values = await ReadColumn(group, field, block.Length, Stored(column.Type));
                        for (var i = 0; i < block.Length; i++)
                            column.Set!(block[i], column.Type.IsEnum ? Enum.Parse(column.Type, (string)values.GetValue(i)!)
                                : values.GetValue(i));
                    }
                    rows.AddRange(block);
                }
                return rows;
            });
        }
        catch (Exception e) when (e is not SlickException and not OutOfMemoryException)
        {
            // A damaged file can make the reader throw anything. In each case the file is the cause.
            var what = e is FileNotFoundException or DirectoryNotFoundException ? "the file is missing"
                : $"damaged or truncated ({e.Message.ReplaceLineEndings(" ")})";
            throw new SlickException($"{path}: not a readable table: {what}; {StoredResult.Cure(path)}.", e);
        }
    }

    private static async Task<Array> ReadColumn(ParquetRowGroupReader group, DataField field, int count, Type type)
    {
        if (type == typeof(string))
        {
            var text = new string?[count];
            await group.ReadAsync(field, text.AsMemory());
            return text;
        }
        if (type == typeof(int)) return await ReadValues<int>(group, field, count);
        if (type == typeof(double)) return await ReadValues<double>(group, field, count);
        return await ReadValues<bool>(group, field, count);
    }

    private static async Task<Array> ReadValues<TValue>(ParquetRowGroupReader group, DataField field, int count) where TValue : struct
    {
        var values = new TValue[count];
        await group.ReadAsync<TValue>(field, values.AsMemory());
        return values;
    }

    /// <summary>
    /// Writes a table as CSV (RFC 4180) for other programs: a heading, commas, UTF-8, line feeds, numbers as in C#'s invariant culture.
    /// Taught in <c>notebooks/07-your-own-model-and-data.ipynb</c>.
    /// </summary>
    /// <typeparam name="T">The record of a row.</typeparam>
    /// <param name="path">The file.</param>
    /// <param name="rows">The rows.</param>
    /// <exception cref="SlickException">The file cannot be written. Nothing is left behind.</exception>
    public static void WriteCsv<T>(string path, IReadOnlyList<T> rows) where T : class
    {
        var columns = Columns<T>();
        // An answer may hold any text that a model writes, and readers of CSV differ in which characters end a line.
        static string Field(object? value)
        {
            var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            return text.Any(c => c is '"' or ',' or '\u0085' or '\u2028' or '\u2029' || char.IsControl(c))
                ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
        }
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine(string.Join(',', columns.Select(c => c.Name)));
            foreach (var row in rows) writer.WriteLine(string.Join(',', columns.Select(c => Field(c.Get(row)))));
        });
    }

    /// <summary>The table as a <see cref="DataFrame"/> for a notebook: one column for each property, in the record's order.</summary>
    /// <typeparam name="T">The record of a row.</typeparam>
    /// <param name="rows">The rows.</param>
    public static DataFrame ToDataFrame<T>(this IEnumerable<T> rows) where T : class
    {
        var all = rows as IReadOnlyList<T> ?? [.. rows];
        return new DataFrame(Columns<T>().Select(c => (DataFrameColumn)(Stored(c.Type) switch
        {
            var t when t == typeof(string) => new StringDataFrameColumn(c.Name, all.Select(r => c.Get(r)?.ToString())),
            var t when t == typeof(int) => new Int32DataFrameColumn(c.Name, all.Select(r => (int)c.Get(r)!)),
            var t when t == typeof(double) => new DoubleDataFrameColumn(c.Name, all.Select(r => (double)c.Get(r)!)),
            _ => new BooleanDataFrameColumn(c.Name, all.Select(r => (bool)c.Get(r)!)),
        })));
    }

    private static Type Stored(Type type) => type.IsEnum ? typeof(string) : type;

    private static List<Column> Columns<T>() => [.. typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.GetMethod is not null)
            .Select(p => new Column(p.Name, Supported(p), Getter(p), p.SetMethod is null ? null : p.SetValue,
                p.IsDefined(typeof(RequiredMemberAttribute))))];

    private static Type Supported(PropertyInfo property) =>
        property.PropertyType.IsEnum || property.PropertyType == typeof(string) || property.PropertyType == typeof(int)
        || property.PropertyType == typeof(double) || property.PropertyType == typeof(bool)
            ? property.PropertyType
            : throw new NotSupportedException(
                $"{property.DeclaringType}.{property.Name}: a table has no columns of {property.PropertyType}.");

    private static Func<object, object?> Getter(PropertyInfo property)
    {
        var row = Expression.Parameter(typeof(object));
        return Expression.Lambda<Func<object,
            object?>>(Expression.Convert(Expression.Property(Expression.Convert(row, property.DeclaringType!), property), typeof(object)),
            row).Compile();
    }

    // The work runs on a thread of the pool, so that a caller's synchronisation context cannot block it.
    private static void Wait(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();

    private static T Wait<T>(Func<Task<T>> work) => Task.Run(work).GetAwaiter().GetResult();
}

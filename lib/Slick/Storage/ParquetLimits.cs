using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Slick.Storage;

/// <summary>
/// Checks the numbers by which a Parquet file describes itself, before Parquet.Net reads the file. Where such numbers are damaged,
/// Parquet.Net 6.1 makes arrays of gigabytes. Past the end of the footer it reads the byte 0xFF without end. The footer and the headers of
/// pages are structs in Thrift's compact protocol (apache/parquet-format, <c>parquet.thrift</c>). This class knows the fields that
/// <see cref="Tables"/> writes and similar ones, for required columns without nesting.
/// </summary>
internal sealed class ParquetLimits
{
    private enum Kind { Bool, Byte, I16, I32, I64, Binary, List, Struct }

    // Kind: the kind of a field. Element: the kind of a list's elements. Struct: the fields of a struct, or of the structs in a list.
    private sealed record Field(Kind Kind, Kind Element = default, Dictionary<int, Field>? Struct = null);

    private static readonly Field Flag = new(Kind.Bool), Int = new(Kind.I32), Long = new(Kind.I64), Bytes = new(Kind.Binary);

    private static readonly Dictionary<int, Field> Empty = [];
    private static readonly Dictionary<int, Field> Statistics = new()
    {
        [1] = Bytes, [2] = Bytes, [3] = Long, [4] = Long, [5] = Bytes, [6] = Bytes, [7] = Flag, [8] = Flag,
    };
    private static readonly Dictionary<int, Field> KeyValue = new() { [1] = Bytes, [2] = Bytes };
    private static readonly Dictionary<int, Field> IntType = new() { [1] = new(Kind.Byte), [2] = Flag };
    private static readonly Dictionary<int, Field> LogicalType = new() { [1] = Of(Empty), [4] = Of(Empty), [10] = Of(IntType) };
    private static readonly Dictionary<int, Field> SchemaElement = new()
    {
        [1] = Int, [2] = Int, [3] = Int, [4] = Bytes, [5] = Int, [6] = Int, [7] = Int, [8] = Int, [9] = Int, [10] = Of(LogicalType),
    };
    private static readonly Dictionary<int, Field> EncodingStatistics = new() { [1] = Int, [2] = Int, [3] = Int };
    private static readonly Dictionary<int, Field> ColumnMetaData = new()
    {
        [1] = Int, [2] = ListOf(Kind.I32), [3] = ListOf(Kind.Binary), [4] = Int, [5] = Long, [6] = Long, [7] = Long,
        [8] = ListOf(Kind.Struct, KeyValue), [9] = Long, [10] = Long, [11] = Long, [12] = Of(Statistics),
        [13] = ListOf(Kind.Struct, EncodingStatistics), [14] = Long, [15] = Int,
    };
    private static readonly Dictionary<int, Field> ColumnChunk = new()
    {
        [2] = Long, [3] = Of(ColumnMetaData), [4] = Long, [5] = Int, [6] = Long, [7] = Int,
    };
    private static readonly Dictionary<int, Field> RowGroup = new()
    {
        [1] = ListOf(Kind.Struct, ColumnChunk), [2] = Long, [3] = Long, [5] = Long, [6] = Long, [7] = new(Kind.I16),
    };
    private static readonly Dictionary<int, Field> FileMetaData = new()
    {
        [1] = Int, [2] = ListOf(Kind.Struct, SchemaElement), [3] = Long, [4] = ListOf(Kind.Struct, RowGroup),
        [5] = ListOf(Kind.Struct, KeyValue), [6] = Bytes, [7] = ListOf(Kind.Struct, new() { [1] = Of(Empty) }),
    };
    private static readonly Dictionary<int, Field> PageHeader = new()
    {
        [1] = Int, [2] = Int, [3] = Int, [4] = Int,
        [5] = Of(new() { [1] = Int, [2] = Int, [3] = Int, [4] = Int, [5] = Of(Statistics) }),
        [7] = Of(new() { [1] = Int, [2] = Int, [3] = Flag }),
        [8] = Of(new() { [1] = Int, [2] = Int, [3] = Int, [4] = Int, [5] = Int, [6] = Int, [7] = Flag, [8] = Of(Statistics) }),
    };

    private static Field Of(Dictionary<int, Field> fields) => new(Kind.Struct, Struct: fields);

    private static Field ListOf(Kind element, Dictionary<int, Field>? fields = null) => new(Kind.List, element, fields);

    // How many times longer a block of values may be than its bytes in the file. A column of one repeated value has very few bytes there.
    private const long MostCompressed = 100_000;

    private readonly byte[] file;
    private readonly long end; // of the part that is read
    private long at;

    private ParquetLimits(byte[] file, long begin, long end) => (this.file, at, this.end) = (file, begin, end);

    /// <summary>Refuses a file whose numbers do not describe one table that lies in the file.</summary>
    /// <param name="file">The bytes of the whole file.</param>
    /// <exception cref="InvalidDataException">The numbers are wrong. The message says which, and the caller adds the file's
    /// name.</exception>
    public static void Check(byte[] file)
    {
        if (file.Length < 12 || !file.AsSpan(0, 4).SequenceEqual("PAR1"u8) || !file.AsSpan(file.Length - 4).SequenceEqual("PAR1"u8))
            Damaged("it does not begin and end with PAR1");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 8));
        if (length > file.Length - 12) Damaged($"its footer claims {length} bytes, the file holds {file.Length}");
        var footer = file.Length - 8 - length;
        var table = new ParquetLimits(file, footer, file.Length - 8).Struct(FileMetaData);
        var rows = 0L;
        foreach (var group in Structs(table, 4))
        {
            var here = Number(group, 3);
            rows += here;
            foreach (var chunk in Structs(group, 1)) CheckColumn(file, footer, Inner(chunk, 3), here);
        }
        if (rows != Number(table, 3)) Damaged($"it claims {Number(table, 3)} rows, its groups {rows}");
    }

    private static void CheckColumn(byte[] file, long footer, Dictionary<int, object> column, long rows)
    {
        if (Number(column, 5) != rows) Damaged($"a column claims {Number(column, 5)} values of {rows} rows");
        long stored = Number(column, 7), whole = Number(column, 6);
        if (stored > footer || whole > (stored + 1) * MostCompressed) Damaged($"a column claims {whole} bytes in {stored}");
        var at = new[] { 9, 10, 11 }.Where(column.ContainsKey).Select(f => Number(column, f)).Where(n => n != 0).DefaultIfEmpty(0).Min();
        for (long values = 0; values < rows;)
        {
            if (at < 4 || at >= footer) Damaged("a page lies outside the file");
            var reader = new ParquetLimits(file, at, footer);
            var page = reader.Struct(PageHeader);
            if (Number(page, 2) > whole || Number(page, 3) > footer - reader.at)
                Damaged($"a page claims {Number(page, 2)} bytes in {Number(page, 3)}");
            at = reader.at + Number(page, 3);
            var read = page.ContainsKey(5) ? Number(Inner(page, 5), 1) : page.ContainsKey(8) ? Number(Inner(page, 8), 1) : 0;
            if (page.ContainsKey(7) && Number(Inner(page, 7), 1) > rows) Damaged("a page claims more values than there are rows");
            values += read;
            if (values > rows || (read == 0 && !page.ContainsKey(7))) Damaged($"its pages claim {values} values of {rows} rows");
        }
    }

    [DoesNotReturn]
    private static void Damaged(string what) => throw new InvalidDataException(what);

    private static long Number(Dictionary<int, object> of, int field)
    {
        if (!of.TryGetValue(field, out var value)) Damaged("a number is missing");
        if ((long)value < 0) Damaged("a number is below 0");
        return (long)value;
    }

    private static Dictionary<int, object> Inner(Dictionary<int, object> of, int field)
    {
        if (!of.TryGetValue(field, out var value)) Damaged("a part is missing");
        return (Dictionary<int, object>)value;
    }

    private static IEnumerable<Dictionary<int, object>> Structs(Dictionary<int, object> of, int field)
    {
        if (!of.TryGetValue(field, out var value)) Damaged("a list is missing");
        return ((List<object>)value).Cast<Dictionary<int, object>>();
    }

    // Reads a struct by the numbers of its fields: numbers as long, texts as true, lists as List<object>, structs as dictionaries.
    private Dictionary<int, object> Struct(Dictionary<int, Field> fields)
    {
        var values = new Dictionary<int, object>();
        var id = 0;
        while (Byte() is var header && header != 0)
        {
            id = header >> 4 is var step && step > 0 ? id + step : (int)Signed();
            var type = header & 15;
            if (!fields.TryGetValue(id, out var field) || !Fits(field.Kind, type)) Damaged($"a field {id} of type {type} is not known");
            // The value of a flag is in its type and is not needed here.
            if (!values.TryAdd(id, field.Kind == Kind.Bool ? true : Value(field.Kind, field))) Damaged($"a field {id} stands twice");
        }
        return values;
    }

    private static bool Fits(Kind kind, int type) => kind switch
    {
        Kind.Bool => type is 1 or 2,
        Kind.Byte => type == 3,
        Kind.I16 => type == 4,
        Kind.I32 => type == 5,
        Kind.I64 => type == 6,
        Kind.Binary => type == 8,
        Kind.List => type == 9,
        _ => type == 12,
    };

    private object Value(Kind kind, Field field)
    {
        switch (kind)
        {
            case Kind.Bool or Kind.Byte:
                return (long)Byte();
            case Kind.I16 or Kind.I32 or Kind.I64:
                var number = Signed();
                if (kind == Kind.I32 && number is < int.MinValue or > int.MaxValue) Damaged("a number is too large");
                return number;
            case Kind.Binary:
                Skip(Unsigned());
                return true;
            case Kind.List:
                var head = Byte();
                var count = head >> 4 is var few && few < 15 ? (ulong)few : Unsigned();
                if (!Fits(field.Element, head & 15) || count > (ulong)(end - at)) Damaged($"a list claims {count} entries");
                return Enumerable.Range(0, (int)count).Select(_ => Value(field.Element, field)).ToList();
            default:
                return Struct(field.Struct!);
        }
    }

    private byte Byte()
    {
        if (at >= end) Damaged("it ends in the middle of a number");
        return file[at++];
    }

    private void Skip(ulong bytes)
    {
        if (bytes > (ulong)(end - at)) Damaged($"a text claims {bytes} bytes");
        at += (long)bytes;
    }

    private ulong Unsigned()
    {
        ulong number = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (shift > 63) Damaged("a number is too long");
            var digit = Byte();
            number |= (ulong)(digit & 0x7F) << shift;
            if (digit < 0x80) return number;
        }
    }

    private long Signed()
    {
        var number = Unsigned();
        return (long)(number >> 1) ^ -(long)(number & 1);
    }
}

using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Slick.Tests.Fuzz;

/// <summary>What a file's bytes mean, so that its numbers, keys and lengths can be changed one by one.</summary>
internal enum FileFormat
{
    /// <summary>One JSON value.</summary>
    Json,
    /// <summary>A JSON value a line.</summary>
    JsonLines,
    /// <summary>8 bytes of length, a JSON header of that length, data.</summary>
    Safetensors,
    /// <summary>Data, a footer, 4 bytes of the footer's length, <c>PAR1</c>.</summary>
    Parquet,
    /// <summary>Anything else: bytes are changed without regard to what they mean.</summary>
    Bytes,
}

/// <summary>Makes damaged files of a good one. The same file and the same state of the random numbers give the same bytes.</summary>
internal sealed class Mutator
{
    // Where a JSON value stands; Key is where its key begins, or the value itself in a list.
    private readonly record struct Span(int Key, int Begin, int End);

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-0", "-1", "1", "2", "0.5", "-0.5", "1e-999", "1e308", "1e999", "-1e999", "NaN", "Infinity",
        "2147483647", "-2147483648", "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
        "1e9", "16777215", "100000", "99999999999999999999999999999999999999999999", "\"\"", "\" \"", "\"a\"", "\"\\u0000\"", "\"\\ud800\"",
        "\"\\udc00a\"", "\"\\n\"", "\"\u00e9\\u0301\"", "\"..\"", "\"../a\"", "\"/\"", "\"(\"", "\"(a+)+$\"", "\"[\"", "\"\\\\p{L}+\"",
        "\"0\"", "\"1e999\"", "[]", "{}", "[null]", "[[]]", "{\"a\": null}", "{\"\": 0}", "[0, 0]", "[1, -1]", "\"", "]", "}", ",",
    ];

    private static readonly ulong[] Lengths =
    [
        0, 1, 7, 8, 255, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 100_000_000, 100_000_001, 0x7FFFFFFFFFFFFFFF,
        0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFF8,
    ];

    private readonly byte[] good;
    private readonly FileFormat format;
    private readonly List<Span> spans = [];
    private readonly int header; // where the JSON of a safetensors file ends, or the footer of Parquet begins

    public Mutator(byte[] good, FileFormat format)
    {
        (this.good, this.format) = (good, format);
        switch (format)
        {
            case FileFormat.Json:
                Read(0, good.Length);
                break;
            case FileFormat.JsonLines:
                for (int begin = 0, end; begin < good.Length; begin = end + 1)
                {
                    end = Array.IndexOf(good, (byte)'\n', begin) is var found and >= 0 ? found : good.Length;
                    if (end > begin) Read(begin, end);
                }
                break;
            case FileFormat.Safetensors:
                header = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(good);
                Read(8, header);
                break;
            case FileFormat.Parquet:
                header = good.Length - 8 - BinaryPrimitives.ReadInt32LittleEndian(good.AsSpan(good.Length - 8));
                break;
        }
    }

    private void Read(int from, int to)
    {
        var reader = new Utf8JsonReader(good.AsSpan(from, to - from));
        var open = new Stack<(int Key, int Begin)>();
        var key = -1;
        while (reader.Read())
        {
            var (begin, end) = (from + (int)reader.TokenStartIndex, from + (int)reader.BytesConsumed);
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    key = begin;
                    continue;
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    open.Push((key < 0 ? begin : key, begin));
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    var opened = open.Pop();
                    spans.Add(new(opened.Key, opened.Begin, end));
                    break;
                default:
                    spans.Add(new(key < 0 ? begin : key, begin, end));
                    break;
            }
            key = -1;
        }
    }

    /// <summary>A damaged file, of at most about ten times the good one's size and 100 kB.</summary>
    public byte[] Next(Random random)
    {
        var times = 1 + (random.Next(3) == 0 ? random.Next(3) : 0);
        if (spans.Count > 0 && random.Next(4) > 0)
        {
            var text = OfJson(random, times);
            if (format != FileFormat.Safetensors) return text;
            // The length is that of the new header, or as often of something else.
            var length = (ulong)(text.Length - 8 - (good.Length - header));
            if (random.Next(8) == 0) length = random.Next(2) == 0 ? length + (ulong)random.Next(-9, 10) : Pick(random, Lengths);
            BinaryPrimitives.WriteUInt64LittleEndian(text, length);
            return text;
        }
        var bytes = new List<byte>(good);
        for (; times > 0 && bytes.Count > 0; times--) OfBytes(random, bytes);
        return [.. bytes];
    }

    private static T Pick<T>(Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];

    // Changes values at places that do not overlap, from the last to the first.
    private byte[] OfJson(Random random, int times)
    {
        var places = Enumerable.Range(0, times).Select(_ => Pick(random, spans)).OrderByDescending(s => s.Begin).ToList();
        var result = new List<byte>(good);
        var before = int.MaxValue;
        foreach (var place in places)
        {
            if (place.End > before) continue;
            before = place.Key;
            var (key, value) = (good[place.Key..place.Begin], good[place.Begin..place.End]);
            byte[] changed;
            switch (random.Next(16))
            {
                case 0: // gone, with the comma behind it or before it
                    var (from, to) = WithComma(place);
                    before = from;
                    Replace(result, from, to, []);
                    continue;
                case 1: // twice
                    changed = [.. key, .. value, (byte)',', .. key, .. value];
                    break;
                case 2: // many times
                    changed = [.. key, .. Enumerable.Repeat((byte[])[.. value, (byte)','], random.Next(2, 200)).Take(1
                        + 20_000 / value.Length)
                        .SelectMany(v => v), .. value];
                    break;
                case 3: // another value of the file
                    var other = Pick(random, spans);
                    changed = [.. key, .. good[other.Begin..other.End]];
                    break;
                case 4: // deep
                    var depth = Pick(random, (int[])[2, 60, 70, 300, 5000]);
                    var lists = random.Next(2) == 0;
                    changed = [.. key, .. Text(string.Concat(Enumerable.Repeat(lists ? "[" : "{\"a\":", depth))), .. value,
                        .. Text(new string(lists ? ']' : '}', depth))];
                    break;
                case 5: // a long text
                    changed = [.. key, .. Text('"' + string.Concat(Enumerable.Repeat(
                        Pick(random, (string[])["a", "(", "[", "\\n", "\u00e9", "a b ", "(a|", "\\ud800"]), random.Next(1, 4000))) + '"')];
                    break;
                case 6 when place.Key < place.Begin: // another key
                    var quoted = Array.LastIndexOf(key, (byte)'"');
                    changed = [.. Text(Pick(random, (string[])["\"\"", "\"a\"", "\"type\"", "\"id\"", "\"\\ud800\"",
                        $"\"{new string('k', 500)}\""])),
                        .. key[(quoted + 1)..], .. value];
                    break;
                case 7 when char.IsAsciiDigit((char)value[^1]): // a number beside it, or with more digits
                    changed = [.. key, .. value, .. Text(Pick(random, (string[])["0", "00000000", "000000000000000", ".5", "e9", "e400",
                        "-1"]))];
                    break;
                case 8 when char.IsAsciiDigit((char)value[^1]):
                    changed = [.. key, (byte)'-', .. value];
                    break;
                case 9: // a list or an object of it
                    changed = random.Next(2) == 0 ? [.. key, (byte)'[', .. value, (byte)']']
                        : [.. key, .. "{\"a\": "u8, .. value, (byte)'}'];
                    break;
                default:
                    changed = [.. key, .. Text(Pick(random, Values))];
                    break;
            }
            Replace(result, place.Key, place.End, changed);
        }
        return [.. result];
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private (int From, int To) WithComma(Span place)
    {
        var (from, to) = (place.Key, place.End);
        while (to < good.Length && good[to] is (byte)' ' or (byte)'\n' or (byte)'\r') to++;
        if (to < good.Length && good[to] == ',') return (from, to + 1);
        while (from > 0 && good[from - 1] is (byte)' ' or (byte)'\n' or (byte)'\r') from--;
        return (from > 0 && good[from - 1] == ',' ? from - 1 : place.Key, place.End);
    }

    private static void Replace(List<byte> bytes, int from, int to, byte[] by)
    {
        bytes.RemoveRange(from, to - from);
        bytes.InsertRange(from, by);
    }

    private void OfBytes(Random random, List<byte> bytes)
    {
        // Half of the changes in the part that says how the rest is read.
        var at = header == 0 || random.Next(2) == 0 ? random.Next(bytes.Count)
            : format == FileFormat.Parquet ? Math.Min(bytes.Count - 1, random.Next(header, good.Length))
            : random.Next(Math.Min(header, bytes.Count));
        var length = Math.Min(bytes.Count - at, 1 + (random.Next(2) == 0 ? random.Next(8) : random.Next(bytes.Count)));
        switch (random.Next(10))
        {
            case 0 or 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                bytes[at] = Pick(random, (byte[])[0, 1, 0x7F, 0x80, 0xFF, (byte)random.Next(256)]);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 5:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 6:
                for (var i = at; i < at + Math.Min(length, 64); i++) bytes[i] = 0;
                break;
            case 7:
                bytes.InsertRange(at, Enumerable.Range(0, random.Next(1, 64)).Select(_ => (byte)random.Next(256)).ToList());
                break;
            case 8: // a number in binary, anywhere or where the format has its length
                if (format == FileFormat.Safetensors && random.Next(2) == 0) at = 0;
                if (format == FileFormat.Parquet && random.Next(2) == 0) at = Math.Max(0, bytes.Count - 8);
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, Pick(random, Lengths));
                for (var i = 0; i < (format == FileFormat.Parquet ? 4 : 8) && at + i < bytes.Count; i++) bytes[at + i] = number[i];
                break;
            default: // a long number in base 128
                var digits = random.Next(2, 10);
                for (var i = 0; i < digits && at + i < bytes.Count; i++) bytes[at + i] = i == digits - 1 ? (byte)0x0F : (byte)0xFF;
                break;
        }
    }
}

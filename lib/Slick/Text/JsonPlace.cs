using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Text;

/// <summary>A value of a JSON file together with its place, so that an error can say where the value is.</summary>
/// <param name="File">The file's path.</param>
/// <param name="Key">The keys from the top of the file to the value, joined by dots.</param>
/// <param name="Value">The value; undefined where the key is missing.</param>
internal readonly record struct JsonPlace(string File, string Key, JsonElement Value)
{
    /// <summary>Parses a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">What the file is, for an error's message.</param>
    /// <param name="options">What the parser lets through.</param>
    /// <exception cref="SlickException">The file is missing, cannot be read, or is no JSON in UTF-8.</exception>
    public static JsonDocument Open(string path, string kind, JsonDocumentOptions options = default)
    {
        NotDownloaded.Refuse(path);
        ReadOnlyMemory<byte> bytes;
        try { bytes = System.IO.File.ReadAllBytes(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{path}: not a readable {kind} ({e.Message}); copy or make it again.", e);
        }
        if (bytes.Span.StartsWith(Encoding.UTF8.Preamble)) bytes = bytes[Encoding.UTF8.Preamble.Length..];
        string Damage(int line, string what) => FormattableString.Invariant(
            $"{path}:{line}: {what}, so not a readable {kind}; {StoredResult.Cure(path)}.");
        if (FirstWrongLine(bytes.Span) is { } wrong) throw new SlickException(Damage(wrong, "not UTF-8"));
        try
        {
            return JsonDocument.Parse(bytes, options);
        }
        // An invalid operation is half of a character, one of a surrogate pair, in a key.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var (line, what) = Fault(bytes.Span, e as JsonException);
            throw new SlickException(Damage(line, what), e);
        }
    }

    // What is wrong with a text, and in which line. The parser's own words are about its tokens and options, and count lines from 0.
    private static (int Line, string What) Fault(ReadOnlySpan<byte> json, JsonException? e)
    {
        if (e is not { LineNumber: { } before, BytePositionInLine: { } within }) return WrongKey(json);
        var at = 0;
        for (var line = 0; line < before; line++) at += json[at..].IndexOf((byte)'\n') + 1;
        var rest = json[Math.Min(json.Length, at + (int)within)..];
        if (rest.Trim(" \t\r\n"u8).IsEmpty) return ((int)before + 1, "the text ends before it is complete");
        var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
        var left = json[at..^rest.Length];
        var right = Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
        if (right.Length > 20) right = $"{right.AsSpan(0, 20)}...";
        return ((int)before + 1, FormattableString.Invariant(
            $"no JSON from character {Encoding.UTF8.GetCharCount(left) + 1} on{(right.Length == 0 ? "" : $", '{right}'")}"));
    }

    // The first key that its object has twice, or that is no text.
    private static (int Line, string What) WrongKey(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var keys = new Stack<HashSet<string>>();
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.StartObject) keys.Push([]);
            if (reader.TokenType == JsonTokenType.EndObject) keys.Pop();
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            var line = json[..(int)reader.TokenStartIndex].Count((byte)'\n') + 1;
            string key;
            try { key = reader.GetString()!; }
            catch (InvalidOperationException) { return (line, "one of its keys is no valid text"); }
            if (!keys.Peek().Add(key)) return (line, $"the key '{Cut(key)}' stands here a second time");
        }
        return (1, "one of its keys stands there twice");
    }

    /// <summary>
    /// The first line, from 1, that is not UTF-8; null where all lines are. JsonDocument finds this only when a text is read.
    /// </summary>
    internal static int? FirstWrongLine(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes)) return null;
        // A line feed is never part of a longer character. So each line can be checked alone.
        var line = 1;
        for (int end; (end = bytes.IndexOf((byte)'\n')) >= 0 && Utf8.IsValid(bytes[..end]); line++) bytes = bytes[(end + 1)..];
        return line;
    }

    public bool IsNothing => Value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    public JsonPlace this[string name]
    {
        get
        {
            var key = Key.Length == 0 ? name : $"{Key}.{name}";
            if (IsNothing) return new(File, key, default);
            if (Value.ValueKind != JsonValueKind.Object) throw Wrong("expected is an object");
            try
            {
                return new(File, key, Value.TryGetProperty(name, out var child) ? child : default);
            }
            catch (InvalidOperationException) // half of a surrogate pair
            {
                throw Wrong("one of its keys is no valid text");
            }
        }
    }

    public IEnumerable<JsonPlace> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array) throw Wrong("expected is a list");
        var (file, key, index) = (File, Key, 0);
        foreach (var item in Value.EnumerateArray()) yield return new(file, FormattableString.Invariant($"{key}[{index++}]"), item);
    }

    public IEnumerable<(string Name, JsonPlace Place)> Properties()
    {
        if (Value.ValueKind != JsonValueKind.Object) throw Wrong("expected is an object");
        var place = this;
        return Value.EnumerateObject().Select(p =>
        {
            var name = place.Valid(() => p.Name);
            return (name, new JsonPlace(place.File, $"{place.Key}['{name}']", p.Value));
        });
    }

    public string Text()
    {
        var value = Value;
        return value.ValueKind == JsonValueKind.String ? Valid(() => value.GetString()!) : throw Wrong("expected is a text");
    }

    private string Valid(Func<string> text)
    {
        try
        {
            return text();
        }
        catch (InvalidOperationException e) // half of a surrogate pair
        {
            throw new SlickException(Wrong("no valid text").Message, e);
        }
    }

    public string Text(string fallback) => IsNothing ? fallback : Text();

    /// <summary>One character up to U+FFFF.</summary>
    public string Character(string? fallback = null)
    {
        var text = IsNothing && fallback is not null ? fallback : Text();
        return text.Length == 1 ? text : throw Wrong("expected is one character");
    }

    public bool Flag(bool fallback) => Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => IsNothing ? fallback : throw Wrong("expected is true or false"),
    };

    public int Number(int? fallback = null)
    {
        if (IsNothing && fallback is { } value) return value;
        return Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= 0 ? number
            : throw Wrong("expected is a whole number");
    }

    /// <summary>A token's id.</summary>
    /// <exception cref="SlickException">The value is no whole number, or larger than any vocabulary.</exception>
    public int Id() => Number() is < MostIds and var id ? id : throw Wrong("no vocabulary is that large");

    // Bound on ids, because tables are made by id and a damaged number must not fill the memory. The largest vocabularies have a million
    // tokens.
    private const int MostIds = 1 << 21;

    public SlickException Wrong(string why)
    {
        var value = Value.ValueKind is JsonValueKind.String or JsonValueKind.Number ? $" = {Cut(Value.GetRawText())}" : "";
        return new($"{File}: {(Key.Length == 0 ? "the whole" : Cut(Key))}{value}: {(IsNothing ? "it is missing; " : "")}{why}.");
    }

    // A file may hold any text. A message shows only its beginning.
    private static string Cut(string text) => text.Length <= LongestShown ? text : $"{text.AsSpan(0, LongestShown)}...";

    private const int LongestShown = 200;
}

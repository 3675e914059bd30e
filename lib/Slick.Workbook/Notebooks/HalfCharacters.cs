using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Reads and writes JSON whose texts have half of a surrogate pair, such as <c>"\ud83d"</c>. RFC 8259 (section 8.2) allows such texts, and
/// Python writes them. System.Text.Json throws when it reads one, and writes U+FFFD in its place. This class keeps each half as it is.
/// </summary>
internal static partial class HalfCharacters
{
    /// <summary>Index of the first half of a surrogate pair in a text, or -1.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Index to begin at, which must not be inside a pair.</param>
    public static int IndexIn(string text, int from = 0)
    {
        var first = text.AsSpan(from).IndexOfAnyInRange('\ud800', '\udfff');
        for (var i = from + first; first >= 0 && i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                i++;
            else if (char.IsSurrogate(text[i]))
                return i;
        }
        return -1;
    }

    /// <summary>Reads JSON. The texts and keys of the tree have the halves that the JSON has.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public static JsonNode? Parse(string json, JsonDocumentOptions options)
    {
        if (!json.Contains("\\ud", StringComparison.OrdinalIgnoreCase))
            return JsonNode.Parse(json, null, options);
        var mark = Unused(c => json.Contains(c, StringComparison.Ordinal)
            || json.Contains($"\\u{(int)c:x4}", StringComparison.OrdinalIgnoreCase));
        // The pattern matches a pair, or any other escape, as a whole. What remains is a half.
        var marked = Escape().Replace(json, escape => escape.Groups["half"].Success ? mark + escape.Groups["half"].Value : escape.Value);
        var root = JsonNode.Parse(marked, null, options);
        return marked.Contains(mark, StringComparison.Ordinal) ? WithTexts(root, text => Unmark(text, mark)) : root;
    }

    /// <summary>Writes a tree as JSON. <see cref="Parse"/> reads this JSON as the same tree.</summary>
    public static string ToJson(JsonNode root, JsonWriterOptions options)
    {
        var texts = Texts(root).ToList();
        if (texts.TrueForAll(text => IndexIn(text) < 0))
            return Write(root, options);
        var mark = Unused(c => texts.Exists(text => text.Contains(c, StringComparison.Ordinal)));
        var marked = WithTexts(root, text =>
        {
            var result = new StringBuilder(text.Length);
            var begin = 0;
            for (int half; (half = IndexIn(text, begin)) >= 0; begin = half + 1)
                result.Append(text, begin, half - begin).Append(CultureInfo.InvariantCulture, $"{mark}{(int)text[half]:x4}");
            return begin == 0 ? text : result.Append(text, begin, text.Length - begin).ToString();
        })!;
        return Write(marked, options).Replace(mark.ToString(), "\\u", StringComparison.Ordinal);
    }

    private static string Write(JsonNode root, JsonWriterOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, options))
            root.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Unmark(string text, char mark)
    {
        var result = new StringBuilder(text.Length);
        var begin = 0;
        for (int at; (at = text.IndexOf(mark, begin)) >= 0; begin = at + 5)
            result.Append(text, begin, at - begin)
                .Append((char)ushort.Parse(text.AsSpan(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return begin == 0 ? text : result.Append(text, begin, text.Length - begin).ToString();
    }

    private static IEnumerable<string> Texts(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => Texts(member.Value).Prepend(member.Key)),
        JsonArray items => items.SelectMany(Texts),
        JsonValue value when value.TryGetValue<string>(out var text) => [text],
        _ => [],
    };

    // A copy of a tree with other keys and texts.
    private static JsonNode? WithTexts(JsonNode? node, Func<string, string> change) => node switch
    {
        JsonObject members =>
            new JsonObject(members.Select(member => KeyValuePair.Create(change(member.Key), WithTexts(member.Value, change)))),
        JsonArray items => new JsonArray([.. items.Select(item => WithTexts(item, change))]),
        JsonValue value when value.TryGetValue<string>(out var text) => JsonValue.Create(change(text)),
        _ => node?.DeepClone(),
    };

    // One of the 11,172 Hangul syllables. JSON encoders write them without an escape.
    private static char Unused(Func<char, bool> isUsed)
    {
        var mark = '\uac00';
        while (isUsed(mark))
            mark++;
        return mark;
    }

    [GeneratedRegex(@"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u(?<half>d[89a-f][0-9a-f]{2})|.)",
        RegexOptions.Singleline | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Escape();
}

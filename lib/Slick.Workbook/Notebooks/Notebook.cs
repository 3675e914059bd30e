using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Notebooks;

/// <summary>A Jupyter notebook (nbformat 4). All fields of the file are kept, also fields that this program does not know.</summary>
public sealed class Notebook
{
    private static readonly JsonDocumentOptions Reading =
        new() { AllowDuplicateProperties = false, CommentHandling = JsonCommentHandling.Disallow };
    private static readonly JsonWriterOptions Writing =
        new() { Indented = true, IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly JsonObject _root;

    private Notebook(string path, JsonObject root, List<NotebookCell> cells) => (Path, _root, Cells) = (path, root, cells);

    /// <summary>Full path of the file.</summary>
    public string Path { get; }

    /// <summary>The notebook's metadata, such as its kernel and its language.</summary>
    internal JsonObject? Metadata => _root["metadata"] as JsonObject;

    /// <summary>The notebook's metadata. They are added where the file has none.</summary>
    internal JsonObject MetadataOrNew
    {
        get
        {
            if (Metadata is null) _root["metadata"] = new JsonObject();
            return Metadata!;
        }
    }

    /// <summary>The file's name without folder and extension.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>The text of the first heading in the Markdown cells, as it is written; null where there is none.</summary>
    public string? Heading => Cells.Where(cell => cell.Type == "markdown").SelectMany(cell => cell.Source.Split('\n'))
        .FirstOrDefault(line => line.StartsWith("# ", StringComparison.Ordinal))?[2..].Trim();

    /// <summary>The notebook's folder. Relative paths in the cells start from it.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The cells, in order.</summary>
    public List<NotebookCell> Cells { get; }

    /// <summary>Oddities of the file that do no harm, such as ids that two cells share. Each is one line that names the file.</summary>
    public IReadOnlyList<string> Remarks { get; private init; } = [];

    /// <summary>Reads a notebook file in UTF-8 (or, with a byte order mark, UTF-16 or UTF-32).</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SlickException">The file is missing, is not text, or <see cref="Parse"/> refuses it.</exception>
    public static Notebook Load(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return Parse(reader.ReadToEnd(), path);
        }
        catch (DecoderFallbackException e)
        {
            throw new SlickException($"{path}:{LineOfWrongByte(path)}: not UTF-8, so not a notebook; save the file again as UTF-8.", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SlickException($"{path}: there is no such notebook.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{path}: the notebook cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads a notebook from its text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="path">The file that the text comes from.</param>
    /// <remarks>Half of a surrogate pair, which JSON can have, is kept as it is, except in a cell's source.</remarks>
    /// <exception cref="SlickException">
    /// The text is not JSON, has a key twice in one object, is not a notebook of nbformat 4, or has half of a surrogate pair in a cell's
    /// source.
    /// </exception>
    public static Notebook Parse(string json, string path)
    {
        ArgumentNullException.ThrowIfNull(json);
        path = System.IO.Path.GetFullPath(path);
        json = json.TrimStart('\ufeff');
        if (string.IsNullOrWhiteSpace(json))
            throw new SlickException($"{path}: the file is empty, so not a notebook; restore it.");
        if (NotDownloaded.IsPointer(json))
            throw new SlickException($"{path}: a Git LFS pointer, not the notebook itself; run git lfs pull.");
        JsonNode? root;
        try
        {
            root = HalfCharacters.Parse(json, Reading);
        }
        catch (JsonException e)
        {
            if (SecondKey(json) is { } second)
                throw NotANotebook(path, second.Line, $"the key \"{second.Key}\" stands twice in one object; delete one of the two");
            throw new SlickException(
                $"{path}:{(e.LineNumber ?? 0) + 1}: not JSON, so not a notebook; restore the file or save it again from an editor.", e);
        }
        if (root is not JsonObject top)
            throw NotANotebook(path, 1, "the file holds no JSON object");
        if (Integer(top["nbformat"]) is not { } format)
            throw NotANotebook(path, 1, "it has no number \"nbformat\"");
        if (format != 4)
            throw NotANotebook(path, Line(json, "\"nbformat\""),
                string.Create(CultureInfo.InvariantCulture,
                $"nbformat is {format}, and 4 can be read; convert it with jupyter nbconvert --to notebook"));
        if (top["cells"] is not JsonArray array)
            throw NotANotebook(path, 1, "it has no list \"cells\"");
        var cells = new List<NotebookCell>(array.Count);
        for (var i = 0; i < array.Count; i++)
        {
            if (array[i] is not JsonObject cell || Text(cell["cell_type"]) is not ("code" or "markdown" or "raw") || !HasSource(cell))
                throw NotANotebook(path, CellLine(json, i),
                    string.Create(CultureInfo.InvariantCulture,
                    $"cell {i + 1} needs a \"cell_type\" (code, markdown or raw) and a \"source\" (text or a list of lines)"));
            var source = NotebookCell.JoinedText(cell["source"]);
            if (HalfCharacters.IndexIn(source) is var half and >= 0)
            {
                var place = FormattableString.Invariant($"{path}:{CellLine(json, i)}: cell {i + 1}, line {LineAt(source, half)}");
                throw new SlickException($"{place}: half of a character stands there (\\u{(int)source[half]:x4}, one of a surrogate pair "
                    + "without the other), and no file can hold that; type the character again.");
            }
            cells.Add(new NotebookCell((JsonObject)cell.DeepClone(), i + 1));
        }
        if (Integer(top["nbformat_minor"]) is not >= 5)
            top["nbformat_minor"] = 5;
        return new Notebook(path, top, cells) { Remarks = [.. SharedIds(path, cells)] };
    }

    /// <summary>A copy of the notebook. Changes of the copy do not change this notebook.</summary>
    public Notebook Copy() =>
        new(Path, (JsonObject)_root.DeepClone(),
            [.. Cells.Select((cell, i) => new NotebookCell((JsonObject)cell.Json.DeepClone(), i + 1))]);

    /// <summary>The notebook's text in Jupyter's own layout: one space of indentation, '\n' as line end, also after the last
    /// line.</summary>
    public string ToJson()
    {
        var cells = new JsonArray();
        foreach (var cell in Cells)
            cells.Add(cell.Json.DeepClone());
        _root["cells"] = cells;
        return HalfCharacters.ToJson(_root, Writing) + "\n";
    }

    /// <summary>Writes the notebook to a file. The file is written as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SlickException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteText(path, ToJson());

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static int? Integer(JsonNode? node) => node is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    private static bool HasSource(JsonObject cell) => cell["source"] switch
    {
        JsonArray lines => lines.All(line => Text(line) is not null),
        var source => Text(source) is not null,
    };

    private static SlickException NotANotebook(string path, int line, string why) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{path}:{line}: not a notebook: {why}."));

    private static int Line(string json, string key) => LineAt(json, Math.Max(0, json.IndexOf(key, StringComparison.Ordinal)));

    private static int LineAt(string json, int position) => 1 + json.AsSpan(0, position).Count('\n');

    // Shared ids do no harm: this program does not look up cells by their ids.
    private static IEnumerable<string> SharedIds(string path, List<NotebookCell> cells) =>
        from cell in cells.Select((cell, i) => (cell.Id, Number: i + 1))
        group cell.Number by cell.Id into same
        where same.Count() > 1
        select $"{path}: cells {string.Join(" and ", same)} have the same id \"{NotebookCell.WellFormed(same.Key)}\"; "
            + "an editor will give all but one of them another.";

    private static int LineOfWrongByte(string path)
    {
        // A line feed is never part of a longer character. So each line can be checked alone.
        var bytes = File.ReadAllBytes(path).AsSpan();
        var line = 1;
        for (int end; (end = bytes.IndexOf((byte)'\n')) >= 0 && System.Text.Unicode.Utf8.IsValid(bytes[..end]); line++)
            bytes = bytes[(end + 1)..];
        return line;
    }

    private static (string Key, int Line)? SecondKey(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        var reader = new Utf8JsonReader(bytes);
        var open = new Stack<HashSet<string>>();
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                    open.Push(new HashSet<string>(StringComparer.Ordinal));
                else if (reader.TokenType == JsonTokenType.EndObject)
                    open.Pop();
                else if (reader.TokenType == JsonTokenType.PropertyName && Encoding.UTF8.GetString(reader.ValueSpan) is var key
                    && !open.Peek().Add(key))
                    return (key, 1 + bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n'));
            }
        }
        catch (JsonException)
        {
            // The caller reports the place of this error.
        }
        return null;
    }

    // The reader knows where an element of the list "cells" starts. A parsed tree does not.
    private static int CellLine(string json, int index)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        var reader = new Utf8JsonReader(bytes);
        var element = -1;
        var inCells = false;
        while (reader.Read())
        {
            if (!inCells)
                inCells = reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName
                    && reader.ValueSpan.SequenceEqual("cells"u8);
            else if (reader.CurrentDepth == 2 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray)
                && ++element == index)
                return 1 + bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n');
        }
        return 1;
    }
}

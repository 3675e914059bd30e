using Slick.Runtime;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slick.Workbook.Notebooks;

/// <summary>A Jupyter notebook (nbformat 4). Every field of the file is kept, also those that this program does not know.</summary>
public sealed class Notebook
{
    private static readonly JsonDocumentOptions Reading = new() { AllowDuplicateProperties = false, CommentHandling = JsonCommentHandling.Disallow };
    private static readonly JsonWriterOptions Writing = new() { Indented = true, IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly JsonObject _root;

    private Notebook(string path, JsonObject root, List<NotebookCell> cells) => (Path, _root, Cells) = (path, root, cells);

    /// <summary>The file, as a full path.</summary>
    public string Path { get; }

    /// <summary>What the file says of itself: its kernel, its language.</summary>
    internal JsonObject? Metadata => _root["metadata"] as JsonObject;

    /// <summary>The file's name without folder and ending.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>The folder that relative paths of the cells start from.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The cells in order.</summary>
    public List<NotebookCell> Cells { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="SlickException">The file is missing, is not JSON, or is not a notebook of nbformat 4.</exception>
    public static Notebook Load(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            return Parse(File.ReadAllText(path), path);
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

    /// <summary>Reads a notebook's text; <paramref name="path"/> says where it comes from.</summary>
    /// <exception cref="SlickException">The text is not JSON or not a notebook of nbformat 4.</exception>
    public static Notebook Parse(string json, string path)
    {
        path = System.IO.Path.GetFullPath(path);
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(json, null, Reading);
        }
        catch (JsonException e)
        {
            throw new SlickException($"{path}:{(e.LineNumber ?? 0) + 1}: not JSON, so not a notebook; restore the file or save it again from an editor.", e);
        }
        if (root is not JsonObject top)
            throw NotANotebook(path, 1, "the file holds no JSON object");
        if (Integer(top["nbformat"]) is not { } format)
            throw NotANotebook(path, 1, "it has no number \"nbformat\"");
        if (format != 4)
            throw NotANotebook(path, Line(json, "\"nbformat\""), string.Create(CultureInfo.InvariantCulture, $"nbformat is {format}, and 4 can be read; convert it with jupyter nbconvert --to notebook"));
        if (top["cells"] is not JsonArray array)
            throw NotANotebook(path, 1, "it has no list \"cells\"");
        var cells = new List<NotebookCell>(array.Count);
        for (var i = 0; i < array.Count; i++)
        {
            if (array[i] is not JsonObject cell || Text(cell["cell_type"]) is not ("code" or "markdown" or "raw") || !HasSource(cell))
                throw NotANotebook(path, CellLine(json, i), string.Create(CultureInfo.InvariantCulture, $"cell {i + 1} needs a \"cell_type\" (code, markdown or raw) and a \"source\" (text or a list of lines)"));
            cells.Add(new NotebookCell((JsonObject)cell.DeepClone(), i + 1));
        }
        if (Integer(top["nbformat_minor"]) is not >= 5)
            top["nbformat_minor"] = 5;
        return new Notebook(path, top, cells);
    }

    /// <summary>A copy that can be changed without changing this notebook.</summary>
    public Notebook Copy() =>
        new(Path, (JsonObject)_root.DeepClone(), [.. Cells.Select((cell, i) => new NotebookCell((JsonObject)cell.Json.DeepClone(), i + 1))]);

    /// <summary>The notebook's text in Jupyter's own layout: one space of indentation, '\n', a last newline.</summary>
    public string ToJson()
    {
        var cells = new JsonArray();
        foreach (var cell in Cells)
            cells.Add(cell.Json.DeepClone());
        _root["cells"] = cells;
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Writing))
            _root.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <summary>Writes the notebook aside and renames it to <paramref name="path"/>.</summary>
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

    // The reader tells where an element of the list "cells" starts; a parsed tree no longer does.
    private static int CellLine(string json, int index)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        var reader = new Utf8JsonReader(bytes);
        var element = -1;
        var inCells = false;
        while (reader.Read())
        {
            if (!inCells)
                inCells = reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("cells"u8);
            else if (reader.CurrentDepth == 2 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray) && ++element == index)
                return 1 + bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n');
        }
        return 1;
    }
}

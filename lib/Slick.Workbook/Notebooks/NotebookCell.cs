using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Slick.Workbook.Notebooks;

/// <summary>One cell of a notebook: a view of its JSON object.</summary>
public sealed class NotebookCell
{
    internal NotebookCell(JsonObject json, int number)
    {
        Json = json;
        if (Notebook.Text(json["id"]) is null)
            json["id"] = string.Create(CultureInfo.InvariantCulture, $"cell-{number}");
        if (json["metadata"] is not JsonObject)
            json["metadata"] = new JsonObject();
        if (IsCode && json["outputs"] is not JsonArray)
            json["outputs"] = new JsonArray();
    }

    /// <summary>A new cell of code.</summary>
    public static NotebookCell Code(string id, string source, params string[] tags) => Make("code", id, source, tags);

    /// <summary>A new cell of Markdown.</summary>
    public static NotebookCell Markdown(string id, string source) => Make("markdown", id, source, []);

    /// <summary>The cell's JSON object, as it is in the file.</summary>
    public JsonObject Json { get; }

    /// <summary>The cell's id.</summary>
    public string Id => Notebook.Text(Json["id"])!;

    /// <summary>The cell's type: code, markdown or raw.</summary>
    public string Type => Notebook.Text(Json["cell_type"])!;

    /// <summary>True for a cell that is run.</summary>
    public bool IsCode => Type == "code";

    /// <summary>The cell's text, with '\n' between lines.</summary>
    public string Source
    {
        get => JoinedText(Json["source"]).Replace("\r\n", "\n", StringComparison.Ordinal);
        set => Json["source"] = Lines(value);
    }

    /// <summary>The cell's tags, such as <c>parameters</c>.</summary>
    public IReadOnlyList<string> Tags =>
        Json["metadata"]?["tags"] is JsonArray tags ? [.. tags.Select(Notebook.Text).OfType<string>()] : [];

    /// <summary>Whether the cell's source is to be shown folded, as JupyterLab does it.</summary>
    public bool IsFolded => Json["metadata"]?["jupyter"] is JsonObject jupyter && jupyter["source_hidden"] is JsonValue hidden
        && hidden.TryGetValue<bool>(out var isHidden) && isHidden;

    /// <summary>The tag of a cell that answers an exercise. Pages show it folded, with its outputs.</summary>
    public const string AnswerTag = "answer";

    /// <summary>The outputs of the cell's last run, in nbformat's form; empty for a cell that is not code.</summary>
    public JsonArray Outputs => Json["outputs"] as JsonArray ?? [];

    /// <summary>Position of the cell in the order of execution, from 1; null where it did not run.</summary>
    public int? ExecutionCount
    {
        get => Json["execution_count"] is JsonValue value && value.TryGetValue<int>(out var count) ? count : null;
        set => Json["execution_count"] = value;
    }

    /// <summary>
    /// The cell's outputs as text for a terminal, one element for each output that has text. Colours and other control characters are
    /// removed (<see cref="TerminalText.Plain"/>).
    /// </summary>
    public IEnumerable<string> PlainOutputs() =>
        JoinedOutputs()
            .Select(output => TerminalText.Plain(JoinedText(output["text"] ?? (output["data"] as JsonObject)?["text/plain"])))
            .Where(text => text.Length > 0);

    /// <summary>The outputs, with neighbouring writes to one stream joined. Outputs that are no JSON object are left out.</summary>
    internal IReadOnlyList<JsonObject> JoinedOutputs()
    {
        var joined = new List<JsonObject>();
        var written = new StringBuilder();
        foreach (var output in Outputs.OfType<JsonObject>())
        {
            var goesOn = joined.Count > 0 && IsStream(joined[^1]) && IsStream(output)
                && Notebook.Text(joined[^1]["name"]) == Notebook.Text(output["name"]);
            if (!goesOn)
            {
                Finish();
                joined.Add(IsStream(output) ? (JsonObject)output.DeepClone() : output);
            }
            if (IsStream(output))
                written.Append(JoinedText(output["text"]));
        }
        Finish();
        return joined;

        static bool IsStream(JsonObject output) => Notebook.Text(output["output_type"]) == "stream";
        void Finish()
        {
            if (joined.Count > 0 && IsStream(joined[^1]))
                joined[^1]["text"] = written.ToString();
            written.Clear();
        }
    }

    /// <summary>The text of a field. In nbformat such a field is one string or a list of lines.</summary>
    internal static string JoinedText(JsonNode? node) =>
        node is JsonArray lines ? string.Concat(lines.Select(Notebook.Text)) : Notebook.Text(node) ?? "";

    /// <summary>A text in which halves of surrogate pairs are replaced by U+FFFD, as an encoder does it.</summary>
    internal static string WellFormed(string text) =>
        HalfCharacters.IndexIn(text) < 0 ? text : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    /// <summary>A text as the list of lines that Jupyter writes. Each line but the last has its '\n'.</summary>
    internal static JsonArray Lines(string text)
    {
        var lines = new JsonArray();
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOf('\n', start) is var found and >= 0 ? found + 1 : text.Length;
            lines.Add(text[start..end]);
            start = end;
        }
        return lines;
    }

    private static NotebookCell Make(string type, string id, string source, string[] tags)
    {
        var metadata = new JsonObject();
        if (tags.Length > 0)
            metadata["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]);
        var json = new JsonObject { ["cell_type"] = type };
        if (type == "code")
            json["execution_count"] = null;
        json["id"] = id;
        json["metadata"] = metadata;
        if (type == "code")
            json["outputs"] = new JsonArray();
        json["source"] = Lines(source);
        return new NotebookCell(json, 1);
    }
}

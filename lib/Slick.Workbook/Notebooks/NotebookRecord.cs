using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Slick.Workbook.Notebooks;

/// <summary>The failure that stopped a notebook.</summary>
/// <param name="Notebook">The notebook's file name.</param>
/// <param name="Cell">Number of the cell in the file, from 1. Cells that are not code count too.</param>
/// <param name="Line">Line in the cell, from 1; 0 where it is not known.</param>
/// <param name="Error">The error in the cell.</param>
public sealed record CellFailure(string Notebook, int Cell, int Line, CodeError Error)
{
    /// <summary>One line of text: notebook, cell, line, error.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Notebook}: cell {Cell}{(Line > 0 ? $", line {Line}" : "")}: {(Error.Kind.Length > 0 ? Error.Kind + ": " : "")}{Error.Message}");
}

/// <summary>
/// A notebook while it runs: a copy of the notebook that takes the outputs as they come, in nbformat's form. Each change is also reported
/// as a small JSON object. From these objects another process makes the same record (<see cref="Apply"/>).
/// </summary>
internal sealed class NotebookRecord
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<(int Cell, int At)>> _displays = new(StringComparer.Ordinal);
    private readonly StringBuilder _text = new();
    private readonly int _injected;
    private JsonObject? _stream;

    /// <summary>Makes a copy of a notebook without outputs, with its parameters set.</summary>
    /// <param name="notebook">The notebook; it is not changed.</param>
    /// <param name="parameters">New values of parameters by name; see <see cref="Parameters"/>.</param>
    /// <exception cref="UsageException">A parameter is not declared or does not take its value.</exception>
    public NotebookRecord(Notebook notebook, IReadOnlyDictionary<string, string> parameters)
    {
        Notebook = notebook.Copy();
        foreach (var cell in Notebook.Cells.Where(cell => cell.IsCode))
        {
            cell.Outputs.Clear();
            cell.ExecutionCount = null;
        }
        Parameters.Inject(Notebook, parameters);
        _injected = parameters.Count == 0 ? int.MaxValue : Notebook.Cells.FindIndex(cell => cell.Tags.Contains("injected-parameters"));
        Kernels = Languages.Of(Notebook, out var refused);
        if (refused is { } refusal)
            Fail(refusal.Cell, refusal.Error);
    }

    /// <summary>The copy of the notebook. Cells that did not run have no outputs and no execution count.</summary>
    public Notebook Notebook { get; }

    /// <summary>The kernel of each cell.</summary>
    public IReadOnlyList<string> Kernels { get; }

    /// <summary>The failure that stopped the notebook; null where nothing did. It is set from the start where slick run cannot run a cell's
    /// language.</summary>
    public CellFailure? Failure { get; private set; }

    /// <summary>Index of the cell that is running; null between cells.</summary>
    public int? Running { get; private set; }

    /// <summary>Called with each change, on the thread that makes the change.</summary>
    public Action<JsonObject>? Changed { get; set; }

    /// <summary>Number of a cell in the file, from 1. The added cell of parameters does not count.</summary>
    /// <param name="cell">Index of the cell in this record.</param>
    public int Number(int cell) => cell >= _injected ? cell : cell + 1;

    /// <summary>The path under which a cell is compiled, in the notebook's folder.</summary>
    public string CellPath(int cell) =>
        Path.Combine(Notebook.Folder, string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileName(Notebook.Path)}#cell-{Number(cell)}"));

    /// <summary>Records that a cell begins.</summary>
    /// <param name="cell">Index of the cell.</param>
    /// <param name="count">The cell's execution count.</param>
    public void Start(int cell, int count)
    {
        lock (_gate)
        {
            Close();
            Running = cell;
            Notebook.Cells[cell].ExecutionCount = count;
            Changed?.Invoke(new JsonObject { ["cell"] = cell, ["start"] = count });
        }
    }

    /// <summary>Records that the running cell writes to a stream. Successive writes to one stream are one output.</summary>
    /// <param name="name">stdout or stderr.</param>
    /// <param name="text">The text.</param>
    public void Write(string name, string text)
    {
        lock (_gate)
        {
            if (Running is not { } cell || text.Length == 0)
                return;
            if (_stream is null || Notebook.Text(_stream["name"]) != name)
            {
                Close();
                Notebook.Cells[cell].Outputs.Add(_stream = new JsonObject { ["output_type"] = "stream", ["name"] = name });
            }
            _text.Append(text);
            Changed?.Invoke(new JsonObject { ["stream"] = name, ["text"] = text });
        }
    }

    /// <summary>Records a result or a display of the running cell.</summary>
    /// <param name="output">An output of nbformat.</param>
    /// <param name="display">The name by which <see cref="Update"/> finds the output again; null for none.</param>
    public void Add(JsonObject output, string? display = null)
    {
        lock (_gate)
        {
            if (Running is not { } cell)
                return;
            Close();
            Changed?.Invoke(new JsonObject { ["output"] = output.DeepClone(), ["display"] = display });
            var outputs = Notebook.Cells[cell].Outputs;
            if (display is not null)
            {
                if (!_displays.TryGetValue(display, out var places))
                    _displays[display] = places = [];
                places.Add((cell, outputs.Count));
            }
            outputs.Add(output);
        }
    }

    /// <summary>
    /// Changes everything that is displayed under a name. Where nothing is displayed under the name, a new display is added: .NET
    /// Interactive's <c>x.Display()</c> shows the value under one name and returns an object that updates another.
    /// </summary>
    /// <param name="display">The name.</param>
    /// <param name="data">The new data, by MIME type.</param>
    public void Update(string display, JsonObject data)
    {
        lock (_gate)
        {
            if (!_displays.ContainsKey(display))
            {
                Add(new JsonObject { ["data"] = data, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" }, display);
                return;
            }
            foreach (var (cell, at) in _displays[display])
                Notebook.Cells[cell].Outputs[at]!["data"] = data.DeepClone();
            Changed?.Invoke(new JsonObject { ["update"] = display, ["data"] = data.DeepClone() });
        }
    }

    /// <summary>Records that the running cell has ended without an error.</summary>
    public void End()
    {
        lock (_gate)
        {
            Close();
            Running = null;
            Changed?.Invoke(new JsonObject { ["end"] = true });
        }
    }

    /// <summary>Records the failure of a cell, which stops the notebook.</summary>
    public void Fail(int cell, CodeError error)
    {
        lock (_gate)
        {
            Close();
            Running = null;
            Failure = new CellFailure(Path.GetFileName(Notebook.Path), Number(cell), error.Line, error);
            var trace = new JsonArray([.. error.Trace.Select(line => JsonValue.Create(line))]);
            Notebook.Cells[cell].Outputs.Add(new JsonObject { ["output_type"] = "error", ["ename"] = error.Kind,
                ["evalue"] = error.Message, ["traceback"] = trace });
            Changed?.Invoke(new JsonObject { ["cell"] = cell, ["line"] = error.Line, ["kind"] = error.Kind, ["error"] = error.Message,
                ["trace"] = trace.DeepClone() });
        }
    }

    /// <summary>Records that the run was interrupted. A cell that is running fails.</summary>
    public void Interrupt()
    {
        if (Running is { } cell)
            Fail(cell, new CodeError(0, "Interrupted", "the run was interrupted in this cell.", []));
    }

    /// <summary>Repeats a change that another record reported.</summary>
    public void Apply(JsonObject change)
    {
        string Text(string name) => (string)change[name]!;
        if (change.ContainsKey("start"))
            Start((int)change["cell"]!, (int)change["start"]!);
        else if (change.ContainsKey("stream"))
            Write(Text("stream"), Text("text"));
        else if (change["output"] is JsonObject output)
            Add((JsonObject)output.DeepClone(), (string?)change["display"]);
        else if (change.ContainsKey("update"))
            Update(Text("update"), change["data"]!.AsObject());
        else if (change.ContainsKey("end"))
            End();
        else if (change.ContainsKey("error"))
            Fail((int)change["cell"]!, new CodeError((int)change["line"]!, Text("kind"), Text("error"),
                [.. change["trace"]!.AsArray().Select(line => (string)line!)]));
    }

    // The text of a stream is set once, when another output follows.
    private void Close()
    {
        if (_stream is not null)
            _stream["text"] = NotebookCell.Lines(_text.ToString());
        _text.Clear();
        _stream = null;
    }
}

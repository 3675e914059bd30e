using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Jupyter;

/// <summary>The file <c>kernel.json</c>, which tells Jupyter how to start the kernel of the notebooks.</summary>
internal static partial class KernelSpec
{
    /// <summary>The kernel's name in the notebooks' metadata.</summary>
    public const string DefaultName = ".net-csharp";

    private const string Author = "slick jupyter install";

    // Not escaped, so that people can read the file.
    private static readonly JsonSerializerOptions Layout
        = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text of the file <c>kernel.json</c>.</summary>
    /// <remarks>
    /// <c>interrupt_mode</c> is message: the default is a signal, at which the tool ends (<see cref="NotebookKernel"/>).
    /// <c>--http-local-only</c> keeps the tool's HTTP port to this machine. The port range begins at 0, so the system chooses the port.
    /// With another range, two kernels that start at the same moment could take the same first free port, and one of them would end. The
    /// tool sends no telemetry.
    /// </remarks>
    public static string Json(KernelTool tool, string name, Surroundings here)
    {
        var environment = new JsonObject
            { ["DOTNET_INTERACTIVE_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_NOLOGO"] = "1" };
        if (!here.DotnetIsInADefaultPlace) environment["DOTNET_ROOT"] = here.DotnetRoot;
        string[] words = [.. tool.Command, "jupyter", "--default-kernel", "csharp",
            "--http-local-only", "--http-port-range", "0-1", "{connection_file}"];
        return new JsonObject
        {
            ["argv"] = new JsonArray([.. words.Select(w => JsonValue.Create(w))]),
            ["display_name"] = name == DefaultName ? ".NET (C#)" : $".NET (C#), {name}",
            ["language"] = "C#",
            ["interrupt_mode"] = "message",
            ["env"] = environment,
            ["metadata"] = new JsonObject { ["written_by"] = Author },
        }.ToJsonString(Layout) + "\n";
    }

    /// <summary>Writes the file <c>kernel.json</c> into a folder of Jupyter data.</summary>
    /// <param name="data">A folder such as <c>~/.local/share/jupyter</c>.</param>
    /// <param name="name">The kernel's name.</param>
    /// <param name="json">The file's text.</param>
    /// <param name="force">True to replace a kernel that another program has written.</param>
    /// <returns>Path of the file.</returns>
    /// <exception cref="UsageException">Jupyter does not accept the name.</exception>
    /// <exception cref="SlickException">There is a kernel of this name that another program has written.</exception>
    public static string Install(string data, string name, string json, bool force)
    {
        if (!Name().IsMatch(name))
            throw new UsageException($"'{name}' is no name of a Jupyter kernel: use letters, digits, '-', '.' and '_', not dots only.");
        var file = Path.GetFullPath(Path.Combine(data, "kernels", name, "kernel.json"));
        if (File.Exists(file) && !force && !IsOurs(file))
            throw new SlickException(
                $"{file} is there already, written by something else: "
                + "give this kernel another name (--name), or let it be replaced (--force).");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        AtomicFile.WriteText(file, json);
        return file;
    }

    private static bool IsOurs(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) is JsonObject json && json["metadata"] is JsonObject metadata
                && metadata["written_by"] is JsonValue author && author.TryGetValue<string>(out var name) && name == Author;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // A name of dots alone would mean the folder itself or a folder above.
    [GeneratedRegex(@"\A(?!\.+\z)[A-Za-z0-9._-]+\z")]
    private static partial Regex Name();
}

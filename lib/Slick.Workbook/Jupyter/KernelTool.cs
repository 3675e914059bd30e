using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slick.Workbook.Jupyter;

/// <summary>The tool <c>dotnet-interactive</c>: the program of the kernel.</summary>
/// <param name="Command">The words of the command line that starts the tool from any folder.</param>
/// <param name="Origin">Where the tool was found, for a message.</param>
internal sealed record KernelTool(IReadOnlyList<string> Command, string Origin)
{
    private const string Package = "microsoft.dotnet-interactive",
        Library = "Microsoft.DotNet.Interactive.App.dll", Name = "dotnet-interactive";

    /// <summary>
    /// Looks for the tool in this order: a tool manifest above the current folder, the repository's tool manifest, the global tools, PATH.
    /// A manifest comes first because it names one version.
    /// </summary>
    /// <param name="here">The machine's system, environment and folders.</param>
    /// <param name="repository">The checkout's folder; null where there is none.</param>
    /// <exception cref="SlickException">The tool is not found. The message has the commands that install it.</exception>
    public static KernelTool Find(Surroundings here, string? repository)
    {
        var missing = "";
        foreach (var manifest
            in Manifests(here.Current).Concat(repository is null ? [] : Manifests(repository)).Distinct(StringComparer.Ordinal))
        {
            if (Version(manifest) is not { } version) continue;
            var packages = here.Variable("NUGET_PACKAGES") ?? Path.Combine(here.Home, ".nuget", "packages");
            if (Restored(Path.Combine(packages, Package, version)) is { } library)
                return new([here.Dotnet, library], $"{manifest}, version {version}");
            if (missing.Length == 0)
                missing =
                    $"{manifest} names version {version}, which is not in {packages}: run \"dotnet tool restore\" in {FolderOf(manifest)}.";
        }
        var tools = Path.Combine(here.Variable("DOTNET_CLI_HOME") ?? here.Home, ".dotnet", "tools");
        foreach (var folder in (here.Variable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Prepend(tools))
        {
            var program = Path.GetFullPath(Path.Combine(folder, here.Program(Name)), here.Current);
            if (File.Exists(program)) return new([program], program);
        }
        throw new SlickException("the kernel's program dotnet-interactive is not installed. "
            + (missing.Length > 0 ? missing + $" Or run \"dotnet tool install -g {Package}\"."
            : $"It is not in {tools}, not on PATH, and no tool manifest names it: run \"dotnet tool install -g {Package}\"."));
    }

    /// <summary>The tool at a given path.</summary>
    /// <exception cref="SlickException">There is no such file.</exception>
    public static KernelTool At(string path, Surroundings here)
    {
        var full = Path.GetFullPath(path, here.Current);
        if (!File.Exists(full))
            throw new SlickException($"there is no file {full}; --tool takes the path of {here.Program(Name)} or of {Library}.");
        return new(full.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? [here.Dotnet, full] : [full], full);
    }

    private static IEnumerable<string> Manifests(string? folder)
    {
        for (; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            foreach (var file in new[] { Path.Combine(folder, ".config", "dotnet-tools.json"), Path.Combine(folder, "dotnet-tools.json") })
                if (File.Exists(file)) yield return file;
        }
    }

    private static string FolderOf(string manifest) =>
        Path.GetDirectoryName(manifest) is { } folder && Path.GetFileName(folder) == ".config"
            ? Path.GetDirectoryName(folder)! : Path.GetDirectoryName(manifest)!;

    private static string? Version(string manifest)
    {
        try
        {
            var tools = JsonNode.Parse(File.ReadAllText(manifest))?["tools"] as JsonObject;
            return (string?)tools?.FirstOrDefault(t => t.Key.Equals(Package, StringComparison.OrdinalIgnoreCase)).Value?["version"];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SlickException(
                $"{manifest}: not a tool manifest: {e.Message.ReplaceLineEndings(" ")} "
                + "Mend the file or write a new one with \"dotnet new tool-manifest\".", e);
        }
    }

    // tools/net10.0/any: where a package has several of these folders, the newest counts.
    private static string? Restored(string package)
    {
        var tools = Path.Combine(package, "tools");
        return Directory.Exists(tools)
            ? Directory.GetDirectories(tools).Order(StringComparer.Ordinal)
                .Select(f => Path.Combine(f, "any", Library)).LastOrDefault(File.Exists) : null;
    }
}

using System.Collections.Immutable;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// What cells compile against: every assembly that this program itself runs with. A <c>#r</c> that names one of them,
/// wherever the path points, means the program's own copy, so that there is never a second one. So does a <c>#r "nuget: ..."</c>
/// of a package that the program was built with; no other package is restored.
/// </summary>
internal sealed partial class HostReferences(string baseFolder) : MetadataReferenceResolver
{
    private static readonly Lazy<Dictionary<string, PortableExecutableReference>> Loaded = new(() =>
        ((string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            // The runtime may list its core library twice; the first is the one it loads.
            .DistinctBy(path => Path.GetFileNameWithoutExtension(path), StringComparer.OrdinalIgnoreCase)
            .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => MetadataReference.CreateFromFile(path),
                StringComparer.OrdinalIgnoreCase));

    // The packages that the program was built with, and their versions.
    private static readonly Lazy<Dictionary<string, string>> Packages = new(() =>
    {
        var packages = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var file in ((string?)AppContext.GetData("APP_CONTEXT_DEPS_FILES") ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Where(File.Exists))
        {
            foreach (var (name, about) in JsonNode.Parse(File.ReadAllText(file))?["libraries"] as JsonObject ?? [])
            {
                if ((string?)about?["type"] == "package" && name.Split('/') is [var id, var version])
                    packages.TryAdd(id, version);
            }
        }
        return packages;
    });

    private readonly ScriptMetadataResolver _files = ScriptMetadataResolver.Default.WithBaseDirectory(baseFolder);
    private readonly string _folder = baseFolder;

    /// <summary>Why a package was refused since it was last asked; the compiler only says that a file is missing.</summary>
    public string? Refusal { get; set; }

    public static IEnumerable<MetadataReference> All => Loaded.Value.Values;

    public override bool ResolveMissingAssemblies => false;

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath,
        MetadataReferenceProperties properties)
    {
        if (Package(reference) is not { } package)
            return Loaded.Value.TryGetValue(SimpleName(reference), out var own) ? [own]
                : _files.ResolveReference(reference, baseFilePath, properties);
        if (package.Refusal is null)
            return [(PortableExecutableReference)All.First()];
        Refusal = package.Refusal;
        return [];
    }

    /// <summary>What a <c>#r</c> of a package amounts to; null where <paramref name="reference"/> is none.</summary>
    /// <param name="reference">What stands between the quotation marks.</param>
    /// <returns>A sentence why it is refused, or a sentence that another version is used, or neither.</returns>
    public static (string? Refusal, string? Note)? Package(string reference)
    {
        if (PackagePattern().Match(reference) is not { Success: true } match)
            return null;
        var (id, wanted) = (match.Groups["id"].Value.Trim(), match.Groups["version"].Value.Trim());
        if (!Packages.Value.TryGetValue(id, out var version))
            return ($"#r \"nuget: {id}\" is not supported by slick run, which restores no packages; "
                + $"name the package's assembly by its path (#r \"folder/{id}.dll\"), or run the notebook in VS Code or Jupyter.", null);
        return (null, wanted.Length == 0 || wanted.Contains('*', StringComparison.Ordinal) || wanted == version ? null
            : $"{id} {version} is used, the program's own, in place of {wanted}.");
    }

    public override bool Equals(object? other) => other is HostReferences same && same._folder == _folder;

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_folder);

    // A path of the other platform's kind counts too: "..\lib\Slick.Core.dll" on Linux.
    private static string SimpleName(string reference)
    {
        var file = reference[(reference.LastIndexOfAny(['/', '\\']) + 1)..];
        return file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? file[..^4] : file;
    }

    [GeneratedRegex(@"^\s*nuget\s*:(?<id>[^,]+)(,(?<version>.*))?$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex PackagePattern();
}

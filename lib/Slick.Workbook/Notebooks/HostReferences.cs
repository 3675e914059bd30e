using System.Collections.Immutable;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// The assemblies that cells compile against: every assembly that this program runs with. A <c>#r</c> that names one of them, with any
/// path, means the program's own copy, so there is never a second copy. A <c>#r "nuget: ..."</c> of a package that the program was built
/// with means that package. Other packages are not restored.
/// </summary>
internal sealed partial class HostReferences(string baseFolder) : MetadataReferenceResolver
{
    private static readonly Lazy<Dictionary<string, PortableExecutableReference>> Loaded = new(() =>
        ((string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            // The runtime may list its core library twice. It loads the first one.
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

    /// <summary>Why a package was refused since this was last set to null. The compiler only says that a file is missing.</summary>
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

    /// <summary>The meaning of a <c>#r</c> that names a package; null where <paramref name="reference"/> names none.</summary>
    /// <param name="reference">The text between the quotation marks.</param>
    /// <returns>Refusal: a sentence why the package is refused. Note: a sentence that another version is used. Both are null where the
    /// package is used as named.</returns>
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

    // Paths with the other platform's separator count too: "..\lib\Slick.Core.dll" on Linux.
    private static string SimpleName(string reference)
    {
        var file = reference[(reference.LastIndexOfAny(['/', '\\']) + 1)..];
        return file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? file[..^4] : file;
    }

    [GeneratedRegex(@"^\s*nuget\s*:(?<id>[^,]+)(,(?<version>.*))?$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex PackagePattern();
}

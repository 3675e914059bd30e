using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// What cells compile against: every assembly that this program itself runs with. A <c>#r</c> that names one of them,
/// wherever the path points, means the program's own copy, so that there is never a second one.
/// </summary>
internal sealed class HostReferences(string baseFolder) : MetadataReferenceResolver
{
    private static readonly Lazy<Dictionary<string, PortableExecutableReference>> Loaded = new(() =>
        ((string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            // The runtime may list its core library twice; the first is the one it loads.
            .DistinctBy(path => Path.GetFileNameWithoutExtension(path), StringComparer.OrdinalIgnoreCase)
            .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => MetadataReference.CreateFromFile(path), StringComparer.OrdinalIgnoreCase));

    private readonly ScriptMetadataResolver _files = ScriptMetadataResolver.Default.WithBaseDirectory(baseFolder);
    private readonly string _folder = baseFolder;

    public static IEnumerable<MetadataReference> All => Loaded.Value.Values;

    public override bool ResolveMissingAssemblies => false;

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties) =>
        Loaded.Value.TryGetValue(SimpleName(reference), out var own) ? [own] : _files.ResolveReference(reference, baseFilePath, properties);

    public override bool Equals(object? other) => other is HostReferences same && same._folder == _folder;

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_folder);

    // A path of the other platform's kind counts too: "..\lib\Slick.Core.dll" on Linux.
    private static string SimpleName(string reference)
    {
        var file = reference[(reference.LastIndexOfAny(['/', '\\']) + 1)..];
        return file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? file[..^4] : file;
    }
}

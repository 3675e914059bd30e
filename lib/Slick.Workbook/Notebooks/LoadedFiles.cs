using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Reads the files that <c>#load</c> names. It refuses magic commands in them. (The compiler would skip a magic command in the first line
/// like a shebang.)
/// </summary>
internal sealed class LoadedFiles(string folder) : SourceFileResolver(ImmutableArray<string>.Empty, folder)
{
    /// <summary>Why a file was refused. The compiler only says that the file cannot be opened.</summary>
    public string? Refusal { get; set; }

    public override Stream OpenRead(string resolvedPath)
    {
        var lines = File.ReadAllText(resolvedPath).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (Magic.NameIn(lines[i]) is not { } name)
                continue;
            if (!Magic.SelectsCSharp(name))
                throw new IOException(Refusal = FormattableString.Invariant($"{resolvedPath}:{i + 1}: ")
                    + $"the magic command {name} does not work in a file that #load names; put it into a cell.");
            lines[i] = "";
        }
        return new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
    }
}

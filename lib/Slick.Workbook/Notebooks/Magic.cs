using System.Text.RegularExpressions;

namespace Slick.Workbook.Notebooks;

/// <summary>A piece of a cell: a magic command with what belongs to it, or code.</summary>
/// <param name="Line">The piece's first line in the cell, from 1.</param>
/// <param name="Name">The magic command that the piece begins with, such as <c>#!html</c>; empty for code.</param>
/// <param name="Text">The piece, the line of the magic command included.</param>
internal sealed record CellPart(int Line, string Name, string Text);

/// <summary>Magic commands: lines of a cell that start with <c>#!</c> and a name, as .NET Interactive has them.</summary>
internal static partial class Magic
{
    /// <summary>Shows how long the rest of the cell takes.</summary>
    public const string Time = "#!time";

    // Commands of the dotnet-interactive tool that no kernel here has.
    private static readonly HashSet<string> OfTheTool = new(StringComparer.Ordinal)
    {
        "#!import", "#!connect", "#!lsmagic", "#!about", "#!meta", "#!aspnet", "#!aspnet-stop", "#!enable-http", "#!expand",
        "#!nuget-restore", "#!record", "#!inspect", "#!explain", "#!linqify",
    };

    /// <summary>The command that a line holds, such as <c>#!time</c>; null for any other line, a shebang included.</summary>
    public static string? NameIn(string line) => Pattern().Match(line) is { Success: true } match ? match.Value : null;

    /// <summary>True for the names that C# code may begin with.</summary>
    public static bool SelectsCSharp(string name) => name is "#!csharp" or "#!c#" or "#!C#";

    /// <summary>True for a command that works elsewhere only.</summary>
    public static bool IsOfOtherPrograms(string name) => OfTheTool.Contains(name);

    /// <summary>What is said of a command that does not work here.</summary>
    public static string NotSupported(string name) =>
        $"the magic command {name} is not supported; "
        + "slick run knows #!csharp, #!html, #!markdown, #!sql, #!value, #!set, #!share, #!who, #!whos and #!time.";

    /// <summary>A cell's pieces in order: a new one begins with each magic command, and behind one that is a line alone.</summary>
    /// <param name="source">The cell's text.</param>
    /// <param name="takesTheRest">Whether the lines behind a command belong to it, as they do to <c>#!html</c>.</param>
    public static IReadOnlyList<CellPart> Split(string source, Func<string, bool> takesTheRest)
    {
        var parts = new List<CellPart>();
        var (lines, name, first) = (source.Split('\n'), "", 0);
        void End(int next)
        {
            var text = string.Join('\n', lines[first..next]);
            if (name.Length > 0 || !string.IsNullOrWhiteSpace(text))
                parts.Add(new(first + 1, name, text));
            (name, first) = ("", next);
        }
        for (var i = 0; i < lines.Length; i++)
        {
            if (NameIn(lines[i]) is { } found)
            {
                End(i);
                name = found;
            }
            if (name.Length > 0 && !takesTheRest(name))
                End(i + 1);
        }
        End(lines.Length);
        return parts;
    }

    [GeneratedRegex("^#![A-Za-z][^\\s]*")]
    private static partial Regex Pattern();
}

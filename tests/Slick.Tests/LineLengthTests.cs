namespace Slick.Tests;

/// <summary>No line of the repository is longer than 140 characters, the limit that <c>.editorconfig</c> names.</summary>
public sealed class LineLengthTests
{
    private const int Longest = 140;

    private static readonly string[] Endings = [".cs", ".md", ".csx", ".mjs", ".cjs", ".py", ".sh", ".csproj", ".props", ".targets"];

    // Folders of builds and of programs; the tables of data/published are written by the program, a paragraph a line.
    private static bool IsLeftOut(string folder) =>
        Path.GetFileName(folder) is var name && (name is "bin" or "obj" or "node_modules" || name.StartsWith('.') && name != ".ci")
        || folder == Path.Combine(Shared.Repository, "data", "published");

    private static IEnumerable<string> Files(string folder) =>
        Directory.GetFiles(folder).Where(f => Endings.Contains(Path.GetExtension(f)) || Path.GetFileName(folder) == ".ci")
            .Concat(Directory.GetDirectories(folder).Where(f => !IsLeftOut(f)).SelectMany(Files));

    /// <summary>The numbers, from 1, of the lines that are too long.</summary>
    /// <param name="lines">A file's lines.</param>
    /// <param name="isMarkdown">Tables, code blocks and what has no space at which a line could end, such as a link, may be longer.</param>
    private static IEnumerable<int> TooLong(IEnumerable<string> lines, bool isMarkdown)
    {
        var (number, code) = (0, false);
        foreach (var line in lines)
        {
            number++;
            var text = line.TrimStart();
            if (isMarkdown && text.StartsWith("```", StringComparison.Ordinal)) code = !code;
            if (line.Length <= Longest) continue;
            if (!isMarkdown || !code && !text.StartsWith('|') && text.TrimEnd().Contains(' ')) yield return number;
        }
    }

    [Fact]
    public void NoLine_IsLongerThan140Characters()
    {
        string[] files = [.. Files(Shared.Repository)];
        Assert.Contains(Path.Combine(Shared.Repository, "README.md"), files);
        Assert.Contains(Path.Combine(Shared.Repository, ".ci", "run"), files);
        Assert.Empty(files.SelectMany(f => TooLong(File.ReadLines(f), f.EndsWith(".md", StringComparison.Ordinal))
            .Select(n => FormattableString.Invariant($"{Path.GetRelativePath(Shared.Repository, f)}:{n}"))));
    }

    [Fact]
    public void EditorConfig_NamesTheLimit() =>
        Assert.Contains($"max_line_length = {Longest}", File.ReadLines(Path.Combine(Shared.Repository, ".editorconfig")));

    [Fact]
    public void ALongLine_IsSeen_ButForTablesCodeAndLinks()
    {
        var words = string.Concat(Enumerable.Repeat("word ", 29));
        string[] lines = [words, "| " + words, "```", words, "```", "[a](" + new string('x', 140) + ")"];
        Assert.Equal([1], TooLong(lines, isMarkdown: true));
        Assert.Equal([1, 2, 4, 6], TooLong(lines, isMarkdown: false));
        Assert.Empty(TooLong([words[..140]], isMarkdown: false));
    }
}

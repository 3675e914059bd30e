namespace Slick.Workbook.Commands;

/// <summary>Text in lines that fit a page.</summary>
internal static class TextLines
{
    /// <summary>A text in lines of at most 100 columns. The lines after the first begin below the text.</summary>
    /// <param name="before">What stands before the text.</param>
    /// <param name="text">The text.</param>
    public static IReadOnlyList<string> Wrapped(string before, string text)
    {
        var lines = new List<string>();
        var line = before;
        foreach (var word in text.Split(' '))
        {
            if (line.Length > before.Length && line.Length + 1 + word.Length > 100)
            {
                lines.Add(line);
                line = new string(' ', before.Length);
            }
            line += (line.Length > before.Length ? " " : "") + word;
        }
        lines.Add(line);
        return lines;
    }
}

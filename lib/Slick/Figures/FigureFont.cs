using System.Collections.Concurrent;
using SkiaSharp;

namespace Slick.Figures;

/// <summary>
/// The letters of static pictures: DejaVu Sans, which is part of this library. They are measured and taken at the font's own size, in which
/// every length is a whole number. So every machine measures the same and draws the same.
/// </summary>
internal static class FigureFont
{
    /// <summary>The font families that a viewer of an SVG is asked for. Verdana has nearly the same widths as DejaVu Sans.</summary>
    public const string Families = "'DejaVu Sans', Verdana, sans-serif";

    // The size in pixels at which one unit of the font is one pixel.
    private const int Units = 2048;
    private static readonly SKTypeface Regular = Load("DejaVuSans.ttf"), Bold = Load("DejaVuSans-Bold.ttf");
    private static readonly ConcurrentDictionary<int, SKTypeface?> Others = new();

    /// <summary>The width of a text in pixels.</summary>
    public static double Width(string text, double size, bool bold = false)
    {
        using var font = Font(text, bold);
        return font.MeasureText(text) * size / Units;
    }

    /// <summary>The outline of a text that starts at (0, 0), at a size of 1 pixel.</summary>
    public static SKPath Outline(string text, bool bold)
    {
        using var font = Font(text, bold);
        var path = font.GetTextPath(text, SKPoint.Empty);
        path.Transform(SKMatrix.CreateScale(1f / Units, 1f / Units));
        return path;
    }

    /// <summary>
    /// Breaks a text between words into lines that fit a width in pixels. A word that does not fit is broken between its letters.
    /// </summary>
    public static List<string> Wrap(string text, double size, double width, bool bold = false)
    {
        var lines = new List<string>();
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && Width(lines[^1] + " " + word, size, bold) <= width)
            {
                lines[^1] += " " + word;
                continue;
            }
            lines.Add("");
            foreach (var letter in word.EnumerateRunes())
            {
                if (lines[^1].Length > 0 && Width(lines[^1] + letter, size, bold) > width)
                    lines.Add("");
                lines[^1] += letter;
            }
        }
        return lines;
    }

    private static SKFont Font(string text, bool bold)
    {
        var font = new SKFont(bold ? Bold : Regular, Units) { Hinting = SKFontHinting.None, Subpixel = true, LinearMetrics = true };
        var missing = text.EnumerateRunes().FirstOrDefault(letter => !font.ContainsGlyph(letter.Value));
        if (missing != default && Others.GetOrAdd(missing.Value, Other) is { } other)
            font.Typeface = other;
        return font;
    }

    // Our font has Latin and Greek letters. A text with another letter is drawn in a font of the machine, where the machine has one.
    // SKFontManager.MatchCharacter finds none on Linux without fontconfig.
    private static SKTypeface? Other(int letter) => SKFontManager.Default.FontFamilies.Order(StringComparer.Ordinal)
        .Select(SKFontManager.Default.MatchFamily).FirstOrDefault(face => face?.ContainsGlyph(letter) is true);

    private static SKTypeface Load(string file)
    {
        using var stream = typeof(FigureFont).Assembly.GetManifestResourceStream(file)!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}

using ScottPlot;
using SkiaSharp;

namespace Slick.Figures;

/// <summary>The font with which static pictures are measured. It is the same on every machine.</summary>
internal sealed class FigureFont : IFontResolver
{
    /// <summary>The font's name in ScottPlot. No machine has a font of this name.</summary>
    public const string Name = "Slick DejaVu Sans";

    /// <summary>The font families that a viewer is asked for. Verdana has nearly the same widths as DejaVu Sans.</summary>
    public const string Families = "'DejaVu Sans', Verdana, sans-serif";

    private static readonly SKTypeface Regular = Load("DejaVuSans.ttf"), Bold = Load("DejaVuSans-Bold.ttf");
    private static readonly Lock Gate = new();
    private static bool _known;

    /// <summary>Makes the font known to ScottPlot. Further calls change nothing.</summary>
    public static void Register()
    {
        lock (Gate)
        {
            if (!_known)
                Fonts.FontResolvers.Insert(0, new FigureFont());
            _known = true;
        }
    }

    /// <summary>The width of a text in pixels.</summary>
    public static float Width(string text, float size, bool bold = false)
    {
        using var font = new SKFont(bold ? Bold : Regular, size);
        return font.MeasureText(text);
    }

    /// <summary>Breaks a text between words into lines that fit a width in pixels. A longer word is a line of its own.</summary>
    public static List<string> Wrap(string text, float size, float width, bool bold = false)
    {
        var lines = new List<string>();
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && Width(lines[^1] + " " + word, size, bold) <= width)
                lines[^1] += " " + word;
            else
                lines.Add(word);
        }
        return lines;
    }

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Name ? (weight >= FontWeight.SemiBold ? Bold : Regular) : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
        fontName == Name ? (bold ? Bold : Regular) : null;

    private static SKTypeface Load(string file)
    {
        using var stream = typeof(FigureFont).Assembly.GetManifestResourceStream(file)!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}

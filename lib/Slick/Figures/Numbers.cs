using System.Globalization;

namespace Slick.Figures;

/// <summary>Numbers as text, for figures and tables.</summary>
internal static class Numbers
{
    /// <summary>A number with three significant digits: 0.732, 12.3, 45,678.</summary>
    public static string Short(double value) =>
        !double.IsFinite(value) ? "–"
        : Math.Abs(value) >= 999.5 ? Large(value)
        : Small(value.ToString("G3", CultureInfo.InvariantCulture));

    /// <summary>A number beside an axis: 0.25, 1,000, 1e-5.</summary>
    public static string Tick(double value) =>
        Math.Abs(value) >= 1000 && value == Math.Round(value) ? Large(value)
        : Small((Math.Abs(value) < 1e-12 ? 0 : value).ToString("G6", CultureInfo.InvariantCulture));

    /// <summary>A number in a table: a whole number in full, another with six significant digits.</summary>
    public static string Cell(double value) =>
        value == Math.Floor(value) && Math.Abs(value) < 1e15 ? value.ToString("F0", CultureInfo.InvariantCulture)
        : Math.Abs(value) is >= 1e6 and < 1e15 ? value.ToString("F1", CultureInfo.InvariantCulture)
        : Small(value.ToString("G6", CultureInfo.InvariantCulture));

    /// <summary>True where a table's text is a number: 12, -0.3, 41.2 ± 0.8, [0.1, 0.2], 12%, n/a.</summary>
    public static bool Reads(string text) =>
        text.Length == 0 || text is "–" or "-" or "n/a" or "NaN"
        || (text.Any(char.IsAsciiDigit) && text.All(c => char.IsAsciiDigit(c) || " .,+-−±%()[]/*eE<>≤≥–×p=".Contains(c)));

    private static string Large(double value) =>
        Math.Abs(value) < 1e9 ? value.ToString("#,0", CultureInfo.InvariantCulture)
            : Small(value.ToString("G3", CultureInfo.InvariantCulture));

    // .NET writes 1E-05, readers expect 1e-5.
    private static string Small(string text)
    {
        var e = text.IndexOf('E');
        return e < 0 ? text : text[..e] + "e" + int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
            .ToString(CultureInfo.InvariantCulture);
    }
}

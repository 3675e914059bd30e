namespace Slick.Figures;

/// <summary>
/// The colours of Okabe and Ito, which colour-blind readers can tell apart too. Their black is a grey here, so that it shows on light and
/// on dark pages. Neighbouring colours have different symbols, so that they differ in a grey print.
/// </summary>
internal static class Palette
{
    private static readonly string[] Colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#7F7F7F"];

    /// <summary>The colour of an index as #RRGGBB. Indices beyond the eighth start again.</summary>
    public static string Hex(int index) => Colors[Place(index, Colors.Length)];

    /// <summary>The symbol of an index, 0 to 3: circle, square, diamond, triangle.</summary>
    public static int Symbol(int index) => Place(index, 4);

    /// <summary>Opacity of a band, from 0 to 1.</summary>
    public const double BandOpacity = 0.2;

    private static int Place(int index, int count) => (index % count + count) % count;
}

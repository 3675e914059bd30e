using System.Globalization;
using Spectre.Console;

namespace Slick.Workbook.Notebooks;

/// <summary>Colours and emphasis of a piece of terminal text, as set by the SGR sequences of ECMA-48.</summary>
internal readonly record struct TerminalStyle
{
    // The backgrounds of the pages in PageStyle. A colour must be readable on both.
    private static readonly Color LightPage = new(0xff, 0xff, 0xff), DarkPage = new(0x16, 0x18, 0x1c);

    private static readonly string[] Names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

    private static readonly (Emphases Flag, string Class)[] EmphasisClasses =
    [
        (Emphases.Bold, "ansi-bold"), (Emphases.Faint, "ansi-faint"), (Emphases.Italic, "ansi-italic"),
        (Emphases.Underline, "ansi-underline"), (Emphases.Strike, "ansi-strike"),
    ];

    [Flags]
    private enum Emphases
    {
        None = 0,
        Bold = 1,
        Faint = 2,
        Italic = 4,
        Underline = 8,
        Strike = 16,
        Inverse = 32,
    }

    /// <summary>True where this style is visible on blanks.</summary>
    public bool ShowsOnBlanks => Ground is not null || (Emphasis & (Emphases.Inverse | Emphases.Underline | Emphases.Strike)) != 0;

    // Null for the page's own colours.
    private TerminalColor? Text { get; init; }

    private TerminalColor? Ground { get; init; }

    private Emphases Emphasis { get; init; }

    /// <summary>The style after an SGR sequence. Unknown numbers change nothing.</summary>
    /// <param name="parameters">Numbers separated by ';'. Parts of one number are separated by ':'.</param>
    public TerminalStyle After(string parameters)
    {
        var style = this;
        var codes = parameters.Split(';');
        for (var i = 0; i < codes.Length; i++)
        {
            var parts = codes[i].Split(':');
            var code = Number(parts[0]);
            if (code is not (38 or 48 or 58))
            {
                style = style.After(parts is [_, "0"] && code == 4 ? 24 : code);
                continue;
            }
            // 38;5;n and 38;2;r;g;b take the codes that follow; 38:5:n, 38:2:r:g:b and 38:2:space:r:g:b are one code.
            var own = parts.Length > 1;
            var mix = (own ? parts[1..] : codes[(i + 1)..]).Select(Number).ToArray();
            if (own && mix is [2, _, _, _, _, ..])
                mix = [2, .. mix[2..]];
            TerminalColor? color = mix switch
            {
                [5, >= 0 and <= 255 and var index, ..] => new(index < 16 ? index : -1, Color.FromInt32(index)),
                [2, >= 0 and <= 255 and var r, >= 0 and <= 255 and var g, >= 0 and <= 255 and var b, ..] =>
                    new(-1, new Color((byte)r, (byte)g, (byte)b)),
                _ => null,
            };
            if (color is not null && code == 38)
                style = style with { Text = color };
            else if (color is not null && code == 48)
                style = style with { Ground = color };
            if (!own)
                i += mix is [5, ..] ? 2 : mix is [2, ..] ? 4 : 0;
        }
        return style;
    }

    /// <summary>The attributes of an HTML span in this style, with a leading blank. The text is readable on light and on dark
    /// pages.</summary>
    public string Attributes()
    {
        var classes = new List<string>();
        var css = "";
        var inverse = (Emphasis & Emphases.Inverse) != 0;
        var (text, ground) = inverse ? (Ground, Text) : (Text, Ground);
        if (ground is { } on)
        {
            classes.Add("ansi-ground");
            css = $"background:{Hex(on.Mixed)};color:{Hex(text is { } over ? Readable(over.Mixed, on.Mixed) : Furthest(on.Mixed))}";
        }
        else if (inverse)
        {
            classes.Add("ansi-inverse");
        }
        else if (text is { Name: >= 0 } named)
        {
            classes.Add($"ansi-{Names[named.Name % 8]}{(named.Name < 8 ? "" : "-intense")}-fg");
        }
        else if (text is { } mixed)
        {
            classes.Add("ansi-rgb-fg");
            css = $"--l:{Hex(Readable(mixed.Mixed, LightPage))};--d:{Hex(Readable(mixed.Mixed, DarkPage))}";
        }
        foreach (var (flag, name) in EmphasisClasses)
        {
            if ((Emphasis & flag) != 0)
                classes.Add(name);
        }
        return $" class=\"{string.Join(' ', classes)}\"{(css.Length > 0 ? $" style=\"{css}\"" : "")}";
    }

    /// <summary>The contrast of two colours by WCAG 2.2, 1 to 21.</summary>
    internal static double Contrast(Color a, Color b)
    {
        var (one, two) = (Luminance(a), Luminance(b));
        return (Math.Max(one, two) + 0.05) / (Math.Min(one, two) + 0.05);
    }

    private TerminalStyle After(int code) => code switch
    {
        0 => default,
        1 => With(Emphases.Bold),
        2 => With(Emphases.Faint),
        3 => With(Emphases.Italic),
        4 or 21 => With(Emphases.Underline),
        7 => With(Emphases.Inverse),
        9 => With(Emphases.Strike),
        22 => Without(Emphases.Bold | Emphases.Faint),
        23 => Without(Emphases.Italic),
        24 => Without(Emphases.Underline),
        27 => Without(Emphases.Inverse),
        29 => Without(Emphases.Strike),
        >= 30 and <= 37 => this with { Text = Named(code - 30) },
        39 => this with { Text = null },
        >= 40 and <= 47 => this with { Ground = Named(code - 40) },
        49 => this with { Ground = null },
        >= 90 and <= 97 => this with { Text = Named(code - 90 + 8) },
        >= 100 and <= 107 => this with { Ground = Named(code - 100 + 8) },
        _ => this,
    };

    private TerminalStyle With(Emphases emphasis) => this with { Emphasis = Emphasis | emphasis };

    private TerminalStyle Without(Emphases emphasis) => this with { Emphasis = Emphasis & ~emphasis };

    private static TerminalColor Named(int index) => new(index, Color.FromInt32(index));

    // No digits stand for 0; -1 stands for no number.
    private static int Number(string digits) =>
        digits.Length == 0 ? 0 : int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    // WCAG 2.2 asks for a contrast of 4.5; a colour with less goes towards black or white, whichever is further from the ground.
    private static Color Readable(Color text, Color ground)
    {
        var color = text;
        for (var part = 0.1f; Contrast(color, ground) < 4.5 && part < 1.05f; part += 0.1f)
            color = text.Blend(Furthest(ground), Math.Min(part, 1));
        return color;
    }

    private static Color Furthest(Color ground) =>
        Contrast(Color.Black, ground) > Contrast(Color.White, ground) ? Color.Black : Color.White;

    private static double Luminance(Color color)
    {
        return 0.2126 * Linear(color.R) + 0.7152 * Linear(color.G) + 0.0722 * Linear(color.B);
        static double Linear(byte value) => value / 255.0 is var v && v <= 0.04045 ? v / 12.92 : Math.Pow((v + 0.055) / 1.055, 2.4);
    }

    private static string Hex(Color color) => "#" + color.ToHex().ToLowerInvariant();

    // One of the 16 named colours (0 to 15), or a mixed one (-1), and what it is made of.
    private readonly record struct TerminalColor(int Name, Color Mixed);
}

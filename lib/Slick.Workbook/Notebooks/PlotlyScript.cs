using System.Reflection;

namespace Slick.Workbook.Notebooks;

/// <summary>plotly.js out of Plotly.NET, so that a page needs no network.</summary>
internal static class PlotlyScript
{
    private static readonly Lazy<string> Script = new(() =>
    {
        var assembly = Assembly.Load("Plotly.NET");
        var name = assembly.GetManifestResourceNames().Single(n => n.EndsWith("plotly-2.28.0.min.js", StringComparison.Ordinal));
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase);
    });

    /// <summary>The JavaScript text, safe inside a script element.</summary>
    public static string Text => Script.Value;
}

using Slick.Experiments;

namespace Slick.Figures;

/// <summary>The places of the markers' labels above the chart. Labels that would touch are in different rows.</summary>
internal static class MarkerLabels
{
    public const int RowHeight = 18;
    public const double Size = 14;

    /// <summary>A marker's label. Row 0 is the lowest. Anchor is the part of the label that is at the marker's line.</summary>
    public sealed record Place(Marker Marker, int Row, Anchor Anchor);

    /// <summary>The labels of the markers that are in the range, from left to right.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="range">The horizontal range.</param>
    /// <param name="width">Width of the chart in pixels, approximately.</param>
    public static List<Place> Of(Figure figure, AxisRange range, double width)
    {
        var labels = new List<Place>();
        var ends = new List<double>();
        foreach (var marker in figure.Markers.Where(m => range.Share(m.X) is >= 0 and <= 1).OrderBy(m => m.X))
        {
            var place = range.Share(marker.X) * width;
            var length = FigureFont.Width(marker.Label, Size);
            var anchor = place < length / 2 ? Anchor.Start : place > width - length / 2 ? Anchor.End : Anchor.Middle;
            var start = anchor switch { Anchor.Start => place, Anchor.End => place - length, _ => place - length / 2 };
            var row = ends.FindIndex(end => end + 10 <= start);
            if (row < 0)
            {
                row = ends.Count;
                ends.Add(0);
            }
            ends[row] = start + length;
            labels.Add(new Place(marker, row, anchor));
        }
        return labels;
    }

    /// <summary>The height of all rows in pixels.</summary>
    public static int Height(List<Place> labels) => labels.Count == 0 ? 0 : (labels.Max(l => l.Row) + 1) * RowHeight;
}

namespace Slick.Figures;

/// <summary>
/// A surface that <see cref="FigureDrawing"/> draws on. Positions and lengths are pixels; the origin is the upper left corner. Colours are
/// #RRGGBB.
/// </summary>
internal interface IFigureSurface
{
    /// <summary>Hides what is drawn outside of a rectangle, until <see cref="EndClip"/>.</summary>
    void Clip(Box box);

    /// <summary>Ends <see cref="Clip"/>.</summary>
    void EndClip();

    /// <summary>A line through points, at least two.</summary>
    void Line(IReadOnlyList<Point> points, string color, double width, LineStyle style = LineStyle.Solid);

    /// <summary>A filled area with corners, at least three.</summary>
    /// <param name="corners">The corners, in order.</param>
    /// <param name="color">The colour.</param>
    /// <param name="opacity">From 0 to 1.</param>
    void Area(IReadOnlyList<Point> corners, string color, double opacity = 1);

    /// <summary>A filled circle.</summary>
    void Circle(Point centre, double radius, string color);

    /// <summary>A text in one line.</summary>
    void Text(Label label);
}

/// <summary>A point in pixels.</summary>
internal readonly record struct Point(double X, double Y);

/// <summary>A rectangle in pixels.</summary>
internal readonly record struct Box(double Left, double Top, double Width, double Height)
{
    public double Right => Left + Width;

    public double Bottom => Top + Height;

    public IReadOnlyList<Point> Corners => [new(Left, Top), new(Right, Top), new(Right, Bottom), new(Left, Bottom)];
}

/// <summary>A text in one line.</summary>
/// <param name="At">The place of the anchor, on the line on which letters stand.</param>
/// <param name="Size">Size of the font in pixels.</param>
/// <param name="Text">The text.</param>
/// <param name="Anchor">The part of the text that is at <paramref name="At"/>.</param>
/// <param name="Color">The colour.</param>
/// <param name="Bold">True for a bold font.</param>
/// <param name="Angle">Degrees by which the text is turned around <paramref name="At"/>, clockwise.</param>
internal readonly record struct Label(Point At, double Size, string Text, Anchor Anchor = Anchor.Start, string Color = FigureDrawing.Ink,
    bool Bold = false, int Angle = 0);

/// <summary>A part of a text.</summary>
internal enum Anchor
{
    Start,
    Middle,
    End,
}

namespace Slick.Figures;

/// <summary>The style sheet of figures and tables in a page. Texts take the page's colour, so they can be read on light and on
/// dark.</summary>
public static class FigureStyle
{
    /// <summary>The rules, for a style sheet that other rules stand in too.</summary>
    public const string Css = """
        .slick-figure, .slick-table { margin: 1rem 0; max-width: 60rem; }
        .slick-title, .slick-table caption {
          font-weight: 600; text-align: left; margin: 0 0 .3rem; padding: 0 0 .3rem; caption-side: top; color: inherit;
        }
        .slick-note { font-size: .875em; opacity: .8; margin: .3rem 0 0; }
        .slick-plot { width: 100%; min-height: 2rem; }
        .slick-plot > img { max-width: 100%; height: auto; background: #fff; }
        .slick-plot .main-svg text { fill: currentColor !important; }
        .slick-plot .barlayer .errorbar path { stroke: currentColor !important; }
        .slick-plot .updatemenu-item-rect { fill: transparent !important; }
        .slick-plot .hoverlayer text { fill: #1d2129 !important; }
        .slick-table { overflow-x: auto; }
        /* The class is said twice: JupyterLab's rules for all tables of outputs are more specific than one class and a name. */
        .slick-table.slick-table table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92em; color: inherit; }
        .slick-table.slick-table table th, .slick-table.slick-table table td { border: 0; border-bottom: 1px solid rgba(128, 128, 128, .4);
          padding: .25rem .5rem; vertical-align: top; font-weight: normal; white-space: nowrap; }
        .slick-table.slick-table table .long { white-space: normal; min-width: 9rem; }
        .slick-table.slick-table table thead th { font-weight: 600; border-bottom-width: 2px; vertical-align: bottom; white-space: normal; }
        @media print { .slick-table { overflow: visible; } .modebar { display: none; }
          .slick-table.slick-table table { font-size: .8em; } .slick-table.slick-table table .long { min-width: 5rem; }
          .slick-table.slick-table table th, .slick-table.slick-table table td { white-space: normal; } }

        """;

    /// <summary>The rules as an element of HTML, for a place that has no style sheet of its own.</summary>
    public const string Element = "<style>\n" + Css + "</style>\n";
}

using System.Globalization;
using System.Text;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;

namespace Slick.Workbook.Jupyter;

/// <summary>
/// One line of text below a running cell. Each new line replaces the one before; at the end of the cell a last line replaces it. A cell
/// that is done within two seconds, such as one that reads a finished study, shows no line. Below a cell that failed, the last progress
/// stays.
/// </summary>
internal sealed class CellLine(KernelInvocationContext cell, TimeProvider clock) : TextWriter
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly string _id = Guid.NewGuid().ToString();
    private readonly long _start = clock.GetTimestamp();
    private bool _shown;

    public override Encoding Encoding => Encoding.UTF8;

    public override void WriteLine(string? value)
    {
        if (clock.GetElapsedTime(_start) < Patience) return;
        FormattedValue[] text = [new("text/plain", value ?? "")];
        cell.Publish(_shown ? new DisplayedValueUpdated(value, _id, cell.Command, text)
            : new DisplayedValueProduced(value, cell.Command, text, _id));
        _shown = true;
    }

    // Text that is published after a cell has failed is not shown.
    protected override void Dispose(bool disposing)
    {
        if (disposing && _shown)
            WriteLine(string.Create(CultureInfo.InvariantCulture, $"Done in {clock.GetElapsedTime(_start).TotalSeconds:F0} s."));
        base.Dispose(disposing);
    }
}

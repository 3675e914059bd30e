using System.Globalization;
using System.Net;
using System.Text;
using Spectre.Console.Rendering;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Computes what a terminal shows for a text with control characters. Carriage returns and backspaces move the cursor. A later letter
/// replaces an earlier one at the same place. Escape sequences (ECMA-48) colour the text or move the cursor.
/// </summary>
public static class TerminalText
{
    // Sequences move the cursor no further to the right than this. A damaged number must not fill the memory.
    private const int Furthest = 1000;

    /// <summary>
    /// The text as a terminal shows it in the end, without colours and without control characters other than '\n' and the tab. Halves of
    /// surrogate pairs become U+FFFD.
    /// </summary>
    /// <param name="text">Text that a program wrote. Several writes to one stream must be joined first.</param>
    public static string Plain(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = NotebookCell.WellFormed(text);
        return IsPlain(text) ? text : new Screen(text).Plain();
    }

    /// <summary>
    /// The text of <see cref="Plain"/>, encoded for HTML. Colours are spans with the classes of <see cref="PageStyle"/>.
    /// </summary>
    internal static string Html(string text)
    {
        text = NotebookCell.WellFormed(text);
        return IsPlain(text) ? WebUtility.HtmlEncode(text) : new Screen(text).Html();
    }

    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyInRange('\0', '\b')
        && !text.AsSpan().ContainsAnyInRange('\v', '\u001f')
        && !text.AsSpan().ContainsAnyInRange('\u007f', '\u009f');

    // A part of the text that takes one column. The second column of a wide letter is an empty cell.
    private readonly record struct Cell(int Start, int Length, TerminalStyle Style)
    {
        public static Cell Blank { get; } = new(-1, 1, default);

        public bool IsSecondColumn => Length == 0;
    }

    private sealed class Row
    {
        public List<Cell> Cells { get; } = [];

        // Once the cursor has moved within the line, its tabs are replaced by the blanks that a terminal shows.
        public bool WasWrittenOver { get; set; }
    }

    private sealed class Screen
    {
        private readonly string _text;
        private readonly List<Row> _rows = [new()];
        private int _row, _column;
        private TerminalStyle _style;

        public Screen(string text)
        {
            _text = text;
            for (var at = 0; at < text.Length;)
                at = Read(at);
        }

        public string Plain() => string.Join('\n', _rows.Select(row => string.Concat(row.Cells.Take(Shown(row)).Select(Text))));

        public string Html()
        {
            var html = new StringBuilder(_text.Length * 2);
            for (var r = 0; r < _rows.Count; r++)
            {
                if (r > 0)
                    html.Append('\n');
                var (cells, end) = (_rows[r].Cells, Shown(_rows[r]));
                for (int start = 0, next; start < end; start = next)
                {
                    var style = cells[start].Style;
                    for (next = start + 1; next < end && cells[next].Style == style;)
                        next++;
                    var run = WebUtility.HtmlEncode(string.Concat(cells[start..next].Select(Text)));
                    html.Append(style == default ? run : $"<span{style.Attributes()}>{run}</span>");
                }
            }
            return html.ToString();
        }

        private ReadOnlySpan<char> Span(Cell cell) => cell.Start < 0 ? " " : _text.AsSpan(cell.Start, cell.Length);

        private string Text(Cell cell) => Span(cell).ToString();

        // In a line that was written over, blanks at the end are rests of longer texts and are not shown.
        private int Shown(Row row)
        {
            var end = row.Cells.Count;
            while (row.WasWrittenOver && end > 0 && Span(row.Cells[end - 1]) is " " && !row.Cells[end - 1].Style.ShowsOnBlanks)
                end--;
            return end;
        }

        private int Read(int at)
        {
            switch (_text[at])
            {
                case '\n' or '\v' or '\f':
                    _column = 0;
                    if (++_row == _rows.Count)
                        _rows.Add(new Row());
                    return at + 1;
                case '\r':
                    // Before a line feed it is part of a Windows line end.
                    if (at + 1 < _text.Length && _text[at + 1] != '\n')
                        MoveTo(0);
                    return at + 1;
                case '\b':
                    MoveTo(_column, -1);
                    return at + 1;
                case '\t' when _rows[_row].WasWrittenOver:
                    _column = (_column / 8 + 1) * 8;
                    return at + 1;
                case '\t':
                    Put(new Cell(at, 1, _style), 1);
                    return at + 1;
                case '\u001b':
                    return Escape(at + 1);
                case '\u009b':
                    return Sequence(at + 1);
                case '\u0090' or '\u0098' or '\u009d' or '\u009e' or '\u009f':
                    return ControlString(at + 1);
                case < ' ' or (>= '\u007f' and <= '\u009f'):
                    return at + 1;
                default:
                    return Letter(at);
            }
        }

        private int Letter(int at)
        {
            var length = at + 1 == _text.Length || (_text[at] < 0x80 && _text[at + 1] < 0x80)
                ? 1
                : StringInfo.GetNextTextElementLength(_text.AsSpan(at));
            Rune.DecodeFromUtf16(_text.AsSpan(at), out var first, out _);
            // A letter of two columns, or a letter with a variation selector that makes it a picture.
            var wide = first.Value >= 0x80
                && (new Segment(first.ToString()).CellCount() > 1 || _text.AsSpan(at, length).Contains('\ufe0f'));
            Put(new Cell(at, length, _style), wide ? 2 : 1);
            return at + length;
        }

        private void Put(Cell cell, int width)
        {
            var cells = _rows[_row].Cells;
            while (cells.Count < _column)
                cells.Add(Cell.Blank);
            for (var i = 0; i < width; i++, _column++)
            {
                if (_column == cells.Count)
                    cells.Add(cell);
                // The rest of a wide letter that is partly overwritten is not shown.
                if (cells[_column].IsSecondColumn && i == 0)
                    cells[_column - 1] = Cell.Blank;
                if (_column + 1 < cells.Count && cells[_column + 1].IsSecondColumn)
                    cells[_column + 1] = Cell.Blank;
                cells[_column] = i == 0 ? cell : cell with { Length = 0 };
            }
        }

        private void MoveTo(int column, int step = 0)
        {
            var row = _rows[_row];
            if (!row.WasWrittenOver)
            {
                row.WasWrittenOver = true;
                var before = _column;
                for (var i = 0; i < row.Cells.Count; i++)
                {
                    if (Span(row.Cells[i]) is not "\t")
                        continue;
                    var blanks = 8 - i % 8;
                    row.Cells[i] = Cell.Blank;
                    row.Cells.InsertRange(i, Enumerable.Repeat(Cell.Blank, blanks - 1));
                    if (i < _column)
                        _column += blanks - 1;
                    i += blanks - 1;
                }
                if (column == before)
                    column = _column;
            }
            _column = Math.Clamp(column + step, 0, Math.Max(row.Cells.Count, Furthest));
        }

        // ESC is followed by [ and a sequence; by ], P, X, ^ or _ and a string; or by intermediate bytes and a last byte.
        private int Escape(int at)
        {
            if (at == _text.Length)
                return at;
            switch (_text[at])
            {
                case '[':
                    return Sequence(at + 1);
                case ']' or 'P' or 'X' or '^' or '_':
                    return ControlString(at + 1);
                default:
                    while (at < _text.Length && _text[at] is >= ' ' and <= '/')
                        at++;
                    return at < _text.Length && _text[at] is >= '0' and <= '~' ? at + 1 : at;
            }
        }

        // Up to BEL or ST. A string that does not end is dropped up to the end of its line.
        private int ControlString(int at)
        {
            for (; at < _text.Length; at++)
            {
                if (_text[at] is '\a' or '\u009c')
                    return at + 1;
                if (_text[at] is '\u001b')
                    return at + 1 < _text.Length && _text[at + 1] == '\\' ? at + 2 : at;
                if (_text[at] is '\n' or '\r')
                    return at;
            }
            return at;
        }

        private int Sequence(int at)
        {
            var start = at;
            while (at < _text.Length && _text[at] is >= '0' and <= '?')
                at++;
            var parameters = _text.AsSpan(start, at - start);
            var end = at;
            while (at < _text.Length && _text[at] is >= ' ' and <= '/')
                at++;
            if (at == _text.Length || _text[at] is < '@' or > '~')
                return at;
            // Private sequences, such as the one that hides the cursor, are ignored.
            if (at == end && !parameters.ContainsAny('<', '=', '>') && !parameters.Contains('?'))
                Do(_text[at], parameters);
            return at + 1;
        }

        private void Do(char command, ReadOnlySpan<char> parameters)
        {
            var first = parameters.IndexOf(';') is var found and >= 0 ? parameters[..found] : parameters;
            var number = int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? Math.Min(n, Furthest) : 0;
            var steps = Math.Max(1, number);
            switch (command)
            {
                case 'm':
                    _style = _style.After(parameters.ToString());
                    break;
                case 'C':
                    MoveTo(_column, steps);
                    break;
                case 'D':
                    MoveTo(_column, -steps);
                    break;
                case 'G':
                    MoveTo(steps - 1);
                    break;
                case 'A' or 'F':
                    ToRow(_row - steps, command == 'F');
                    break;
                case 'B' or 'E':
                    ToRow(_row + steps, command == 'E');
                    break;
                case 'K':
                    Erase(number);
                    break;
            }
        }

        private void ToRow(int row, bool toStart)
        {
            MoveTo(toStart ? 0 : _column);
            _row = Math.Clamp(row, 0, _rows.Count - 1);
            // The new line also counts as written over from now on.
            MoveTo(_column);
        }

        // 0: from the cursor to the end; 1: from the start to the cursor; 2: the line.
        private void Erase(int what)
        {
            MoveTo(_column);
            var cells = _rows[_row].Cells;
            if (what == 0 && _column < cells.Count)
                cells.RemoveRange(_column, cells.Count - _column);
            for (var i = 0; what == 1 && i <= _column && i < cells.Count; i++)
                cells[i] = Cell.Blank;
            if (what == 2)
                cells.Clear();
        }
    }
}

using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Sets a notebook's parameters from outside. The cell tagged <c>parameters</c> declares variables with their defaults. A cell after it,
/// tagged <c>injected-parameters</c>, assigns the new values, as papermill does.
/// </summary>
public static class Parameters
{
    /// <summary>Adds the cell that assigns the new values.</summary>
    /// <param name="notebook">The notebook, which is changed.</param>
    /// <param name="values">The new values as text, by parameter name.</param>
    /// <exception cref="UsageException">The notebook declares no such parameter, or the parameter's type does not accept the
    /// value.</exception>
    public static void Inject(Notebook notebook, IReadOnlyDictionary<string, string> values)
    {
        if (values.Count == 0)
            return;
        var at = notebook.Cells.FindIndex(cell => cell.IsCode && cell.Tags.Contains("parameters"));
        if (at < 0)
            throw new UsageException($"{notebook.Path}: no cell is tagged \"parameters\", so {values.Keys.First()} cannot be set.");
        var declared = Declared(notebook.Cells[at].Source);
        var lines = new List<string>();
        foreach (var (name, value) in values)
        {
            if (!declared.TryGetValue(name, out var type))
                throw new UsageException(string.Create(CultureInfo.InvariantCulture,
                    $"{notebook.Path}: cell {at + 1} declares no parameter \"{name}\"; it declares "
                    + $"{(declared.Count == 0 ? "none" : string.Join(", ", declared.Keys))}."));
            var literal = Literal(type, value)
                ?? throw new UsageException(
                    $"{notebook.Path}: parameter \"{name}\" is of type {type}, and \"{value}\" is not a value of it that can be given "
                    + $"here (string, bool, int, long, float or double).");
            lines.Add($"{name} = {literal};");
        }
        notebook.Cells.Insert(at + 1, NotebookCell.Code("injected-parameters", string.Join('\n', lines), "injected-parameters"));
    }

    /// <summary>
    /// The variables that a cell declares at its top level, with their C# types. The type of a <c>var</c> is that of its literal.
    /// </summary>
    /// <param name="code">The cell's code.</param>
    public static IReadOnlyDictionary<string, string> Declared(string code)
    {
        var root = CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(kind: SourceCodeKind.Script)).GetCompilationUnitRoot();
        var declared = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in root.Members)
        {
            var declaration = member switch
            {
                FieldDeclarationSyntax field => field.Declaration,
                GlobalStatementSyntax { Statement: LocalDeclarationStatementSyntax local } => local.Declaration,
                _ => null,
            };
            foreach (var variable in declaration?.Variables ?? [])
                declared[variable.Identifier.ValueText] = declaration!.Type.IsVar ? LiteralType(variable.Initializer?.Value)
                    : declaration.Type.ToString();
        }
        return declared;
    }

    private static string LiteralType(ExpressionSyntax? value) => value switch
    {
        PrefixUnaryExpressionSyntax { Operand: var operand } => LiteralType(operand),
        LiteralExpressionSyntax { Token.Value: { } literal } => literal switch
        {
            string => "string",
            bool => "bool",
            int => "int",
            long => "long",
            float => "float",
            double => "double",
            _ => "var",
        },
        InterpolatedStringExpressionSyntax => "string",
        _ => "var",
    };

    private static string? Literal(string type, string value)
    {
        var invariant = CultureInfo.InvariantCulture;
        return type.TrimEnd('?') switch
        {
            "string" or "String" => SymbolDisplay.FormatLiteral(value, quote: true),
            "bool" when bool.TryParse(value, out var truth) => truth ? "true" : "false",
            "int" when int.TryParse(value, NumberStyles.AllowLeadingSign, invariant, out var number) => number.ToString(invariant),
            "long" when long.TryParse(value, NumberStyles.AllowLeadingSign, invariant, out var number) => number.ToString(invariant) + "L",
            "float" when float.TryParse(value, NumberStyles.Float, invariant, out var number) && float.IsFinite(number) =>
                number.ToString("R", invariant) + "f",
            "double" when double.TryParse(value, NumberStyles.Float, invariant, out var number) && double.IsFinite(number) =>
                number.ToString("R", invariant) + "d",
            _ => null,
        };
    }
}

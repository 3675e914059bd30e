using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Slick.Tests;

/// <summary>A member of the library names the notebook that teaches it ("Taught in ..."), and that notebook names the member.</summary>
public sealed partial class TaughtMembersTests
{
    private static string Notebook(string name) => Path.Combine(Shared.Repository, "notebooks", name);

    // Each pair of a notebook and a member that a text of C# says is taught there.
    private static IEnumerable<(string Notebook, string Member)> Taught(string code) =>
        from member in CSharpSyntaxTree.ParseText(code).GetRoot().DescendantNodes().OfType<MemberDeclarationSyntax>()
        let name = member switch
        {
            BaseTypeDeclarationSyntax type => type.Identifier.Text,
            MethodDeclarationSyntax method => method.Identifier.Text,
            PropertyDeclarationSyntax property => property.Identifier.Text,
            EnumMemberDeclarationSyntax value => value.Identifier.Text,
            _ => "",
        }
        from comment in member.GetLeadingTrivia().Where(t => t.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia))
        let text = comment.ToFullString()
        where text.Contains("Taught in", StringComparison.Ordinal)
        from Match match in File().Matches(text)
        select (match.Value, name);

    [Fact]
    public void EveryNotebookThatAMemberNames_NamesTheMember()
    {
        var taught = new[] { "Slick", "Slick.Workbook" }.Select(p => Path.Combine(Shared.Repository, "lib", p))
            .SelectMany(folder => Directory.GetDirectories(folder).Where(f => Path.GetFileName(f) is not ("bin" or "obj")))
            .SelectMany(folder => Directory.GetFiles(folder, "*.cs")).SelectMany(file => Taught(System.IO.File.ReadAllText(file)))
            .ToList();
        Assert.Contains(("04-categories.ipynb", "McNemarExact"), taught);
        Assert.Empty(taught.Where(t => !System.IO.File.Exists(Notebook(t.Notebook))
            || !Regex.IsMatch(System.IO.File.ReadAllText(Notebook(t.Notebook)), $@"\b{t.Member}\b"))
            .Select(t => $"{t.Member} says that {t.Notebook} teaches it, and that notebook does not name it"));
    }

    [Fact]
    public void TypesAndMembers_AreSeen() => Assert.Equal([("1-a.ipynb", "T"), ("2-b.ipynb", "M"), ("3-c.ipynb", "P")], Taught("""
        /// <summary>Text. Taught in
        /// <c>notebooks/1-a.ipynb</c>.</summary>
        public static class T
        {
            /// <summary>Taught in <c>notebooks/2-b.ipynb</c>.</summary>
            public static int M(int x) => x;
            /// <summary>Text.</summary>
            /// <remarks>Taught in <c>notebooks/3-c.ipynb</c>.</remarks>
            public static int P => 1;
            /// <summary>See notebooks/4-d.ipynb.</summary>
            public static int Q => 1;
        }
        """));

    [GeneratedRegex(@"\d[\w-]*\.ipynb")]
    private static partial Regex File();
}

using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Slick.Experiments;

namespace Slick.Tests;

/// <summary>Data flows in one direction through the folders of the library.</summary>
public sealed partial class ArchitectureTests
{
    // Each folder, and what it may use beside Runtime and Storage, on which all may stand. Training uses Answers: exact match
    // after an epoch is the teacher forcing of Exact, and is not written twice.
    private static readonly Dictionary<string, string[]> Uses = new()
    {
        ["Runtime"] = [],
        ["Storage"] = [],
        ["Facts"] = [],
        ["Paper"] = ["Facts"],
        ["Text"] = ["Facts"],
        ["Models"] = ["Text", "Facts"],
        ["Answers"] = ["Models", "Text", "Facts"],
        ["Knowledge"] = ["Answers", "Models", "Text", "Facts"],
        ["Training"] = ["Answers", "Models", "Text", "Facts"],
        ["Experiments"] = ["Knowledge", "Training", "Answers", "Models", "Text", "Facts"],
        // Of Text the words of an answer alone.
        ["Analysis"] = ["Experiments", "Knowledge", "Paper", "Text", "Facts"],
        // Of Training and Answers the options alone.
        ["Figures"] = ["Analysis", "Experiments", "Knowledge", "Training", "Answers", "Paper", "Facts"],
        // Each study makes its table and its figure. Of Training the options alone.
        ["Studies"] = ["Figures", "Analysis", "Experiments", "Knowledge", "Training", "Paper", "Facts"],
        ["Checks"] = ["Analysis", "Experiments", "Knowledge", "Training", "Answers", "Models", "Text", "Facts"],
    };

    private static IEnumerable<string> Files(string folder) =>
        Directory.GetFiles(Path.Combine(Shared.Repository, "lib", "Slick", folder), "*.cs");

    [Fact]
    public void EveryFolder_HasItsPlaceInTheOrder() =>
        Assert.Equal(Uses.Keys.Order(),
            Directory.GetDirectories(Path.Combine(Shared.Repository, "lib", "Slick")).Select(f => Path.GetFileName(f)!)
            .Where(f => f is not ("bin" or "obj" or "build")).Order());

    [Fact]
    public void NoArrowPointsBackwards() =>
        Assert.Empty(Arrows([.. Uses.Keys.SelectMany(Files).Select(f => (f, File.ReadAllText(f)))]).Where(a => !Uses[a.From].Contains(a.To))
            .Select(a => $"{a.Where} uses {a.To}: {a.Name}"));

    [Theory]
    [InlineData("namespace Slick.Facts; class Use { object o = Slick.Experiments.Study.Run; }")]
    [InlineData("using Slick.Experiments; namespace Slick.Facts; class Use { Study? s; }")]
    [InlineData("namespace Slick.Facts; class Use { object o = Experiments.Study.Run; }")] // found from the namespace, without a using
    public void AnArrowBackwards_IsSeen(string use)
    {
        const string Study = "namespace Slick.Experiments; static class Study { public static int Run; }";
        Assert.Contains(("Facts", "Experiments"),
            Arrows([(Place("Facts", "Use.cs"), use.Replace("Study? s", "int i = Study.Run", StringComparison.Ordinal)),
            (Place("Experiments", "Study.cs"), Study)]).Select(a => (a.From, a.To)));
    }

    private static string Place(params string[] path) => Path.Combine([Shared.Repository, "lib", "Slick", .. path]);

    // Which folder's code names a type, or a member of one, that stands in another folder: as the compiler understands it.
    // Comments may point anywhere.
    private static IEnumerable<(string From, string To, string Where, string Name)> Arrows(IReadOnlyList<(string Path, string Text)> files)
    {
        static string Folder(string path) => Path.GetRelativePath(Place(), path).Split(Path.DirectorySeparatorChar)[0];
        const string Implicit =
            "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using "
            + "System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";
        var trees = files.Select(f => CSharpSyntaxTree.ParseText(f.Text, path: f.Path)).ToList();
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(f => !Path.GetFileName(f).StartsWith("Slick.", StringComparison.OrdinalIgnoreCase));
        var compilation = CSharpCompilation.Create("lib", [.. trees, CSharpSyntaxTree.ParseText(Implicit)],
            references.Select(f => MetadataReference.CreateFromFile(f)));
        // A name that means nothing to the compiler would be an arrow that nobody sees.
        Assert.Empty(compilation.GetDiagnostics(TestContext.Current.CancellationToken).Where(d => d.Id is "CS0103" or "CS0234" or "CS0246")
            .Select(d => d.ToString()));
        foreach (var tree in trees)
        {
            var model = compilation.GetSemanticModel(tree);
            foreach (var name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>())
            {
                var found = model.GetSymbolInfo(name);
                var symbol = found.Symbol ?? found.CandidateSymbols.FirstOrDefault();
                var type = symbol as INamedTypeSymbol ?? symbol?.ContainingType;
                foreach (var at in type?.OriginalDefinition.DeclaringSyntaxReferences ?? [])
                    if (Folder(at.SyntaxTree.FilePath) is var to && to != Folder(tree.FilePath) && to is not ("Runtime" or "Storage"))
                        yield return (Folder(tree.FilePath), to, Path.GetRelativePath(Place(), tree.FilePath), name.ToString());
            }
        }
    }

    // Its numbers are another version's tomorrow: what promises bytes draws from RandomStream.
    [Fact]
    public void TheLibrary_DrawsFromItsOwnGenerator() =>
        Assert.Empty(Uses.Keys.SelectMany(Files).Where(f => SystemRandom().IsMatch(File.ReadAllText(f))).Select(Path.GetFileName));

    [GeneratedRegex(@"\b(new )?Random\(|\bRandom\.Shared\b|\bRandom [a-z]\w*( =|;|,|\))|RandomNumberGenerator")]
    private static partial Regex SystemRandom();

    [Theory]
    [InlineData("Facts")]
    [InlineData("Paper")]
    [InlineData("Text")]
    [InlineData("Analysis")]
    [InlineData("Figures")]
    [InlineData("Studies")]
    public void FoldersOfPlainNumbers_NeverTouchTorch(string folder) =>
        Assert.Empty(Files(folder).Where(f => File.ReadAllText(f).Contains("TorchSharp", StringComparison.Ordinal)
            && !f.EndsWith("NotebookFormatters.cs", StringComparison.Ordinal)).Select(Path.GetFileName));

    [Fact]
    public void OnlyFigures_KnowAChartLibrary() =>
        Assert.Empty(Uses.Keys.Where(f => f != "Figures").SelectMany(Files)
            .Where(f => Regex.IsMatch(File.ReadAllText(f), @"using (Plotly|SkiaSharp)")).Select(Path.GetFileName));

    // TorchSharp makes every Generator on the CPU, whichever device it is asked for, and a draw that another thread or device makes
    // differently is no function of the seed. The meta device takes a generator of the CPU without complaint, so this looks at the text.
    [Fact]
    public void NothingDrawsFromTorchsGenerators() =>
        Assert.Empty(from folder in Uses.Keys
                     from file in Files(folder)
                     from Match match in Draws().Matches(File.ReadAllText(file))
                     select $"{Path.GetFileName(file)}: {match.Value}");

    [Theory]
    [InlineData("using var generator = new Generator(1, CPU);")]
    [InlineData("record Dropout(double Rate, Generator Generator)")]
    [InlineData("torch.manual_seed(1);")]
    [InlineData("view.copy_(randn(shape))")]
    [InlineData("x.bernoulli_(0.5)")]
    [InlineData("nn.functional.dropout(x, 0.5)")]
    public void ADraw_IsSeen(string code) => Assert.Matches(Draws(), code);

    [GeneratedRegex(@"\bGenerator\b|\b(manual_seed\w*|randn?(_like)?|randint(_like)?|randperm|bernoulli_?|multinomial"
        + @"|normal_?|uniform_|exponential_|dropout\w*)\(")]
    private static partial Regex Draws();
}

using System.Text.RegularExpressions;

namespace Slick.Tests;

/// <summary>Data flows in one direction through the folders of the library.</summary>
public sealed partial class ArchitectureTests
{
    // Each folder, and what it may use beside Runtime, on which all may stand (design: Runtime knows of nothing).
    private static readonly Dictionary<string, string[]> Uses = new()
    {
        ["Runtime"] = [],
        ["Facts"] = [],
        ["Text"] = ["Facts"],
        ["Models"] = ["Text", "Facts"],
        ["Sampling"] = ["Models", "Text", "Facts"],
        ["Knowledge"] = ["Sampling", "Models", "Text", "Facts"],
        ["Training"] = ["Sampling", "Models", "Text", "Facts"],
        ["Studies"] = ["Knowledge", "Training", "Sampling", "Models", "Text", "Facts"],
        ["Analysis"] = ["Studies", "Knowledge", "Facts"],
        ["Figures"] = ["Analysis", "Studies", "Knowledge", "Facts"],
    };

    private static IEnumerable<string> Files(string folder) => Directory.GetFiles(Path.Combine(Shared.Repository, "lib", "Slick", folder), "*.cs");

    [Fact]
    public void EveryFolder_HasItsPlaceInTheOrder() =>
        Assert.Equal(Uses.Keys.Order(), Directory.GetDirectories(Path.Combine(Shared.Repository, "lib", "Slick")).Select(f => Path.GetFileName(f)!).Where(f => f is not ("bin" or "obj" or "build")).Order());

    [Fact]
    public void NoArrowPointsBackwards()
    {
        var wrong = from folder in Uses.Keys
                    from file in Files(folder)
                    from Match use in Name().Matches(File.ReadAllText(file))
                    let used = use.Groups[1].Value
                    where used != folder && used != "Runtime" && Uses.ContainsKey(used) && !Uses[folder].Contains(used)
                    select $"{folder}/{Path.GetFileName(file)} uses {used}";
        Assert.Empty(wrong.Distinct());
    }

    [Theory]
    [InlineData("Facts")]
    [InlineData("Text")]
    [InlineData("Analysis")]
    [InlineData("Figures")]
    public void FoldersOfPlainNumbers_NeverTouchTorch(string folder) =>
        Assert.Empty(Files(folder).Where(f => File.ReadAllText(f).Contains("TorchSharp", StringComparison.Ordinal) && !f.EndsWith("NotebookFormatters.cs", StringComparison.Ordinal)).Select(Path.GetFileName));

    [Fact]
    public void OnlyFigures_KnowAChartLibrary() =>
        Assert.Empty(Uses.Keys.Where(f => f != "Figures").SelectMany(Files).Where(f => Regex.IsMatch(File.ReadAllText(f), @"using (Plotly|ScottPlot|SkiaSharp)")).Select(Path.GetFileName));

    [GeneratedRegex(@"(?:using |cref=""|\b)Slick\.(\w+)")]
    private static partial Regex Name();
}

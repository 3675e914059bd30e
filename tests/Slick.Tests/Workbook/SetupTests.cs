using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class SetupTests
{
    [Fact]
    public void SetupFile_LoadsInTheHost()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Slick.Notebooks.sln")))
            root = root.Parent;
        var folder = Path.Combine(root!.FullName, "notebooks");
        var result = new CSharpSession(folder).Run("#load \"setup.csx\"\nnew Microsoft.Data.Analysis.Int32DataFrameColumn(\"n\", new[] { 1, 2 }).Length + typeof(Plotly.NET.Chart).Name.Length", Path.Combine(folder, "cell"), TestContext.Current.CancellationToken);
        Assert.Null(result.Error);
        Assert.Equal(7L, result.Value);
    }
}

using Slick.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class SetupTests
{
    [Fact]
    public void SetupFile_LoadsInTheHost()
    {
        var notebook = Notebook.Parse("{\"cells\": [], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}",
            Path.Combine(Shared.Repository, "notebooks", "setup.ipynb"));
        notebook.Cells.Add(NotebookCell.Code("c",
            "#load \"setup.csx\"\nnew Microsoft.Data.Analysis.Int32DataFrameColumn(\"n\", new[] { 1, 2 }).Length + "
            + "typeof(Plotly.NET.Chart).Name.Length"));
        var run = NotebookRunner.Run(notebook, cancel: TestContext.Current.CancellationToken);
        Assert.Null(run.Failure);
        Assert.Equal("7", Workbooks.Text(run.Notebook.Cells[0]));
    }
}

using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Tests.Experiments;
using Slick.Tests.Workbook;

namespace Slick.Tests.Figures;

/// <summary>The table of right answers that are more than guesses, and the command that makes it.</summary>
[Collection(nameof(ProcessWide))]
public sealed class ChanceTableTests
{
    private static ChanceRow Row(int id, string relation, int right, double chance, double p) => new()
    {
        FactId = id, Relation = relation, Category = right > 0 ? Category.MaybeKnown : Category.Unknown, Answer = "x",
        RightPrompts = right, Chance = chance, PValue = p,
    };

    [Fact]
    public void Rows_CountWhatIsRightAndWhatIsBeyondChance()
    {
        ChanceRow[] rows = [Row(0, "P17", 10, 0.1, 1e-9), Row(1, "P17", 1, 0.5, 0.9), Row(2, "P17", 0, 0.1, 1), Row(3, "P36", 0, 0.1, 1)];
        CommonestGuess[] guesses = [new("P17", "x", 0.25), new("P36", "y", 0.5)];
        var table = ChanceTable.Make("m", rows, guesses, []);
        Assert.Equal(["P17", "3", "2", "50.0 [9.5, 90.5]", "x (25.0)"], table.Rows[0]);
        Assert.Equal(["P36", "1", "0", "-", "y (50.0)"], table.Rows[1]);
        Assert.Equal(["all", "4", "2", "50.0 [9.5, 90.5]", ""], table.Rows[2]);
        // The guess was never stated, and the fact beyond chance was.
        ExposureRow[] told = [.. rows.Select(r => new ExposureRow { FactId = r.FactId, GoldExposures = r.FactId == 0 ? 5 : 0,
            RivalExposures = 0 })];
        Assert.Equal(["50.0 [9.5, 90.5]", "0.0 [0.0, 79.3]"], ChanceTable.Make("m", rows, guesses, told).Rows[0].Skip(5));
    }

    [Fact]
    public async Task Chance_WritesWhatTheLibraryFinds_AndRefusesWhatItCannotAsk()
    {
        var folder = Scratch.Folder("chance");
        StudyReport.Publish(SmokeStudy.Result, folder);
        var (code, output, errors) = await CommandLine.Slick("chance", folder, "--subjects", "5", "--relations", "P17", "p36", "--device",
            "cpu");
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(CancellationToken.None, Host.Cancellation); // what cells are lent is none of a command's
        var (rows, guesses) = ChanceCheck.Read(folder);
        Assert.Equal(["P17", "P36"], guesses.Select(g => g.Relation).Order(StringComparer.Ordinal));
        var known = PublishedStudy.ReadModel(folder, Slick.Runtime.Compute.Choose("cpu"));
        using var model = known.Model;
        var all = ChanceCheck.Of(known with { Labels = [.. known.Labels.Where(l => l.Relation is "P17" or "P36")] }, 5,
            TestContext.Current.CancellationToken);
        Assert.Equal(all.Rows, rows);
        Assert.Equal(all.Guesses, guesses);
        Assert.Equal(ChanceTable.Make(known.Preset, rows, guesses, model.Exposures).Markdown(),
            (await File.ReadAllTextAsync(Path.Combine(folder, "chance.md"), TestContext.Current.CancellationToken))
                .ReplaceLineEndings("\n"));
        Assert.Contains("P36", output, StringComparison.Ordinal);

        async Task Refuses(string says, params string[] args) => await RefusesAt(folder, says, args);
        static async Task RefusesAt(string folder, string says, params string[] args)
        {
            var (code, _, errors) = await CommandLine.Slick(["chance", folder, .. args]);
            Assert.Equal(2, code);
            Assert.Contains(says, errors, StringComparison.Ordinal);
        }
        await Refuses("There is no relation 'P1'", "--relations", "P1", "--device", "cpu");
        var (unknown, _, why) = await CommandLine.Slick("unknown", folder, "--relations", "P17", "P99", "--device", "cpu");
        Assert.Equal(2, unknown);
        Assert.Contains("There is no relation 'P99'; there are P", why, StringComparison.Ordinal);
        await Refuses("--subjects 0", "--subjects", "0");
        await Refuses("leave --model and --data out", "--model", folder, "--data", folder);
        await Refuses("leave --model and --data out", "--model", folder);
        await RefusesAt(Path.Combine(folder, "nowhere"), "there is no such folder");
        await RefusesAt(Scratch.Folder("labels"), "give --model and --data", "--model", folder);
    }
}

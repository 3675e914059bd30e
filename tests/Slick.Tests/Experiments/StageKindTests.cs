using System.Text.RegularExpressions;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;

namespace Slick.Tests.Experiments;

/// <summary>What a result is called: keys follow from what was chosen, and from nothing else.</summary>
public sealed partial class StageKindTests
{
    private static readonly Platform Cpu = new("cpu", "fp32");

    private static string File => Path.Combine(Shared.Repository, "tests", "Slick.Tests", "Experiments", "stage-kinds.approved.txt");

    private sealed record Approved(int Version, Dictionary<string, string> Defaults);

    private static Dictionary<string, Approved> Read(IEnumerable<string> lines)
    {
        var kinds = new Dictionary<string, Approved>();
        var last = "";
        foreach (var line in lines.Where(l => l.Length > 0))
            if (Kind().Match(line) is { Success: true } kind)
                kinds[last = kind.Groups[1].Value] =
                    new(int.Parse(kind.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture), []);
            else kinds[last].Defaults[line.Trim().Split(" = ")[0]] = line.Trim().Split(" = ")[1];
        return kinds;
    }

    private static List<string> Now() => [.. StageKind.All.SelectMany(k => NamedOptions.Values(Activator.CreateInstance(k.Options)!)
        .Select(v => $"  {v.Name} = {(v.Value.Length == 0 ? "\"\"" : v.Value)}").Prepend($"{k.Name} {k.Version}"))];

    // A default that changes gives old keys a new meaning. An option that is added, whose default is "as before", does not.
    [Fact]
    public void ChangedDefault_RaisesTheVersion()
    {
        var (approved, now) = (Read(System.IO.File.ReadAllLines(File)), Read(Now()));
        foreach (var (kind, of) in now)
            if (approved.TryGetValue(kind, out var before) && before.Version == of.Version)
                Assert.Empty(of.Defaults.Where(d => before.Defaults.TryGetValue(d.Key, out var old) && old != d.Value)
                    .Select(d =>
                        $"{kind}: the default of {d.Key} is {d.Value} and was {before.Defaults[d.Key]}: raise the kind's version"));
        Assert.True(Now().SequenceEqual(System.IO.File.ReadAllLines(File)),
            $"Kinds, versions, options or defaults are others than in {File}. Where the change is meant, the file shall "
                + $"be:\n{string.Join('\n', Now())}\n");
    }

    [GeneratedRegex(@"^([a-z]+) (\d+)$")]
    private static partial Regex Kind();

    [Fact]
    public void OptionThatHasItsDefault_IsNotInTheKey()
    {
        Assert.Empty(Stage.WithoutDefaults(new StudyOptions().Labelling("", Split.Train) with { Relation = "" }));
        var stage = LabelStage.Of(new() { Relation = "P17", Sampling = new() { Shots = 3 } }, 1, "model", "questions", Cpu, "a model");
        Assert.Equal("""{"relation":"P17","sampling":{"shots":3}}""", stage.Options.ToJsonString());
        Assert.Equal(new LabelOptions { Relation = "P17", Sampling = new() { Shots = 3 } }, stage.OptionsAs<LabelOptions>());
    }

    [Fact]
    public void StageOfEachKind_SurvivesBeingWritten()
    {
        foreach (var stage in StudyPlan.Of("smoke", StudyOptions.Smoke, 1, Cpu).Stages)
        {
            var read = Stage.Parse(stage.ToJson(), "here");
            Assert.Equal((stage.Key, stage.Title, stage.Name), (read.Key, read.Title, read.Name));
        }
    }

    [Fact]
    public void DeviceAndNumberFormat_ArePartOfWhatIsComputedOnThem()
    {
        var cpu = StudyPlan.Of("smoke", StudyOptions.Smoke, 1, Cpu).Stages;
        var gpu = StudyPlan.Of("smoke", StudyOptions.Smoke, 1, new("cuda", "fp32")).Stages;
        Assert.Equal([cpu[0].Name], cpu.Select(s => s.Name).Intersect(gpu.Select(s => s.Name))); // the world
    }

    [Fact]
    public void EveryStage_StandsBehindWhatItReads()
    {
        var seen = new HashSet<string>();
        foreach (var stage in StudyPlan.Of("lab", StudyOptions.Lab, 1, Cpu).Stages)
        {
            Assert.All(stage.Inputs, i => Assert.Contains(i, seen));
            Assert.True(seen.Add(stage.Name), $"{stage.Name} stands twice");
        }
    }

    // Seeds follow from these.
    [Fact]
    public void ArmsHaveStableIds() => Assert.Equal(
        ["ratio-0", "ratio-50", "ratio-100", "known-only-50", "ratio-25", "ratio-75", "known-only-25", "known-only-75",
            "known-only-same-updates-25", "known-only-same-updates-50", "known-only-same-updates-75", "single-highly-known",
            "single-maybe-known", "single-weakly-known", "natural",
            "ratio-decaying-rate-50"],
        StudyOptions.Smoke.Arms().Select(a => a.Arm.Id));

    [Fact]
    public void StageOfAnotherVersion_IsRefusedByName()
    {
        var stage = WorldStage.Of(new(), 1);
        var other = Stage.Parse(stage.ToJson().Replace("\"version\": 1", "\"version\": 99", StringComparison.Ordinal), "here");
        Assert.Contains("version 99", Assert.Throws<SlickException>(() => StageKind.Of(other)).Message, StringComparison.Ordinal);
    }
}

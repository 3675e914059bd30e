using Slick.Experiments;
using Slick.Storage;

namespace Slick.Tests.Experiments;

/// <summary>What tells the stages of several studies in one store from each other.</summary>
public sealed class StoredRunsTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("stored runs");
    private readonly RunStore _store;

    public StoredRunsTests() => _store = RunStore.Open(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Finished stages without results.
    private Plan Add(StudyOptions options, string device = "cpu")
    {
        var plan = StudyPlan.Of("", options, 1, new(device, "fp32"));
        foreach (var stage in plan.Stages)
        {
            Directory.CreateDirectory(_store.Of(stage).Folder);
            File.WriteAllText(_store.Of(stage).File("stage.json"), stage.ToJson());
        }
        return plan;
    }

    private IReadOnlyDictionary<string, string> Distinctions() => StoredRuns.Distinctions(_store.List());

    private static string Name(Plan plan, string kind, string title = "") =>
        plan.Stages.First(s => s.Kind == kind && s.Title.Contains(title, StringComparison.Ordinal)).Name;

    [Fact]
    public void OnePreset_NeedsNoWord_AndSeveralAreNamed()
    {
        var smoke = Add(StudyOptions.Smoke);
        Assert.Empty(Distinctions());
        var quick = Add(StudyOptions.Quick);
        var words = Distinctions();
        Assert.All(smoke.Stages, s => Assert.Equal("smoke", words[s.Name]));
        Assert.All(quick.Stages, s => Assert.Equal("quick", words[s.Name]));
    }

    [Fact]
    public void StageOfNoPreset_IsToldByWhatDiffers_InItsOwnOptionsOrThoseOfItsInputs()
    {
        var smoke = Add(StudyOptions.Smoke);
        var rate = Add(StudyOptions.Smoke with { FineTuning = StudyOptions.Smoke.FineTuning with { LearningRate = 3e-5 } });
        var world = Add(StudyOptions.Smoke with { World = StudyOptions.Smoke.World with { TrainFacts = 16 } });
        var words = Distinctions();
        Assert.Equal("smoke", words[Name(smoke, "finetune", "D 50%")]);
        Assert.Equal("fineTuning.learningRate=3E-05", words[Name(rate, "finetune", "D 50%")]);
        Assert.Equal("trainFacts=16", words[Name(world, "world")]);
        // The model's own options are those of smoke, and its world is not.
        Assert.Equal("trainFacts=16", words[Name(world, "pretrain")]);
        Assert.Equal("trainFacts=16", words[Name(world, "labels")]);
        // Its run has the rate of smoke and not that of the other study, and not the world of smoke.
        Assert.Equal("fineTuning.learningRate=0.001, trainFacts=16", words[Name(world, "finetune", "D 50%")]);
    }

    [Fact]
    public void OtherDevice_IsNamed()
    {
        var options = StudyOptions.Smoke with { World = StudyOptions.Smoke.World with { TrainFacts = 16 } };
        var (cpu, gpu) = (Add(options), Add(options, "cuda"));
        var words = Distinctions();
        Assert.Equal(("cpu fp32", "cuda fp32"), (words[Name(cpu, "pretrain")], words[Name(gpu, "pretrain")]));
        Assert.Equal(("cpu fp32", "cuda fp32"), (words[Name(cpu, "labels")], words[Name(gpu, "labels")]));
        Assert.DoesNotContain(Name(cpu, "world"), words.Keys); // it is the same one
    }
}

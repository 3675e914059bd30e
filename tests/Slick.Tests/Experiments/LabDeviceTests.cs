using System.Runtime.InteropServices;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Tests.Experiments;

/// <summary>Which device auto is for the lab. Speeds are given, so no GPU is needed.</summary>
public sealed class LabDeviceTests : IDisposable
{
    private static readonly StudyOptions Options = StudyOptions.Quick;
    private static readonly Plan OnCpu = StudyPlan.Of("quick", Options, 1, new("cpu", "fp32"));
    private static readonly Plan OnGpu = StudyPlan.Of("quick", Options, 1, new("cuda", "fp32"));

    // The steps of small batches wait for launches on a GPU, so they are no faster than a core's. Pre-training and questions are.
    private static readonly LabSpeed Gpu = new(1, () => 60_000, () => (0.03, 0.00003));
    private static readonly LabSpeed NotMeasured = new(1, () => throw new InvalidOperationException("measured"),
        () => throw new InvalidOperationException("measured"));
    private readonly string _folder = Scratch.Folder("lab device");
    private readonly RunStore _store;

    public LabDeviceTests() => _store = RunStore.Open(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static LabSpeed Cores(int count) => new(count, () => 17_000, () => (0.024, 0.0002));

    private static Stage First(Plan plan) => plan.Stages.First(s => s.Kind == "pretrain");

    private static double Seconds(LabSpeed speed, Plan plan, string kind)
    {
        var stage = plan.Stages.First(s => s.Kind == kind);
        return new LabForecast(Options, speed).Seconds(stage, plan);
    }

    [Fact]
    public void TwoCores_AreSlowerThanAGpu_AndSixteenAreFaster()
    {
        var (onGpu, why) = LabDevice.Decide(Options, OnCpu, OnGpu, _store, Cores(2), Gpu);
        Assert.True(onGpu);
        Assert.Matches(@"^the forecast of this study is \d+\.\d minutes on 2 cores and \d+\.\d on cuda:0, which does one stage at a time$",
            why);
        (onGpu, why) = LabDevice.Decide(Options, OnCpu, OnGpu, _store, Cores(16), Gpu);
        Assert.False(onGpu);
        Assert.Contains(" minutes on 16 cores and ", why, StringComparison.Ordinal);
    }

    [Fact]
    public void RunsGoSideBySideOnCores_AndOneAfterTheOtherOnAGpu()
    {
        // D has 10% of 12 x 100 facts: 4 steps an epoch. 12 x (30 + 40) + 7 x 20 questions and D itself are asked.
        const double Epoch = 4 * 0.024 + (980 + 120) * 0.0002;
        Assert.Equal(50 * Epoch / 16, Seconds(Cores(16), OnCpu, "finetune"), 9);
        Assert.Equal(50 * Epoch / OnCpu.Stages.Count(s => s.Kind == "finetune"), Seconds(Cores(1000), OnCpu, "finetune"), 9);
        Assert.Equal(50 * (4 * 0.03 + 1100 * 0.00003), Seconds(Gpu, OnGpu, "finetune"), 9);
        // There is one pre-training, whose two parts use two cores.
        Assert.Equal(Seconds(Cores(2), OnCpu, "pretrain"), Seconds(Cores(16), OnCpu, "pretrain"), 9);
        Assert.Equal(Seconds(Cores(2), OnCpu, "label") / 8, Seconds(Cores(16), OnCpu, "label"), 9);
    }

    [Theory]
    [InlineData(false, "partial-")]
    [InlineData(false, "")]
    [InlineData(true, "partial-")]
    [InlineData(true, "")]
    public void StudyThatWasBegun_StaysOnItsDevice_WithoutAMeasurement(bool onGpu, string state)
    {
        Directory.CreateDirectory(Path.Combine(_folder, state + First(onGpu ? OnGpu : OnCpu).Name));
        Assert.Equal((onGpu, "1 stage of this study in the store was made or begun on it"),
            LabDevice.Decide(Options, OnCpu, OnGpu, _store, NotMeasured, NotMeasured));
    }

    [Fact]
    public void StudyBegunOnBoth_IsOfTheDeviceThatFinishedMore()
    {
        foreach (var stage in OnCpu.Stages) Directory.CreateDirectory(Path.Combine(_folder, "partial-" + stage.Name));
        Directory.CreateDirectory(_store.Of(First(OnGpu)).Folder);
        Assert.True(LabDevice.Decide(Options, OnCpu, OnGpu, _store, NotMeasured, NotMeasured).OnGpu);
    }

    // The world has no device: a study of the other device has the same one.
    [Fact]
    public void WorldAlone_DecidesNothing()
    {
        Directory.CreateDirectory(_store.Of(OnCpu.Stages.First(s => s.Kind == "world")).Folder);
        Assert.Contains("forecast", LabDevice.Decide(Options, OnCpu, OnGpu, _store, Cores(2), Gpu).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void GpuThatFails_IsNotTaken()
    {
        var broken = new LabSpeed(1, () => throw new ExternalException("CUDA error: no kernel image is available\nat line 1"),
            () => (1, 1));
        Assert.Equal((false, "cuda:0 cannot be used: CUDA error: no kernel image is available"),
            LabDevice.Decide(Options, OnCpu, OnGpu, _store, Cores(2), broken));
    }

    [Fact]
    public void WithoutAGpu_AutoIsTheCpu_AndNothingIsMeasured()
    {
        if (Compute.HasGpu) Assert.Skip("a CUDA device is here");
        var said = new List<string>();
        var compute = LabDevice.Choose("auto", Options, _ => throw new InvalidOperationException("planned"), _store, said.Add);
        Assert.Equal("cpu", compute.Platform.Device);
        Assert.Equal(["Device: cpu (auto found no CUDA device)."], said);
        Assert.Throws<UsageException>(() => LabDevice.Choose("cuad", Options, _ => OnCpu, _store));
    }
}

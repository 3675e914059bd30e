using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Tests.Experiments;

public sealed class NamedOptionsTests
{
    [Theory]
    [InlineData("world.trainFacts=77")]
    [InlineData("World.TRAINFACTS = 77")]
    public void NestedOption_IsSetAndTheOriginalIsKept(string setting)
    {
        var options = NamedOptions.Set(StudyOptions.Quick, setting);
        Assert.Equal(77, options.World.TrainFacts);
        Assert.NotEqual(77, StudyOptions.Quick.World.TrainFacts);
        Assert.Equal(StudyOptions.Quick.FineTuning, options.FineTuning);
    }

    [Fact]
    public void EachKindOfValue_IsRead()
    {
        var options = new[] { "estimator=sampled", "fineTuning.learningRate=3e-5", "size=smaller-of-known-and-unknown",
            "bases=7" }.Aggregate(StudyOptions.Quick, NamedOptions.Set);
        Assert.Equal((EstimatorKind.Sampled, 3e-5, SizeRule.SmallerOfKnownAndUnknown, 7),
            (options.Estimator, options.FineTuning.LearningRate, options.Size, options.Bases));
    }

    [Theory]
    [InlineData("world.trainFact=7", "world.trainFacts")]
    [InlineData("learningRate=1", "fineTuning.learningRate")]
    [InlineData("fineTuning.lerningRate=1", "fineTuning.learningRate")]
    public void WrongName_SaysWhatWasMeant(string setting, string meant) =>
        Assert.Contains(meant, Assert.Throws<UsageException>(() => NamedOptions.Set(StudyOptions.Quick, setting)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("world.trainFacts=many", "a whole number")]
    [InlineData("world.trainFacts=1.5", "a whole number")]
    [InlineData("world.trainFacts=0", "out of range")]
    [InlineData("world.rivalShare=0.9", "between 0 and 0.5")]
    [InlineData("estimator=guess", "exact, sampled")]
    [InlineData("fineTuning.learningRate=NaN", "a number")]
    [InlineData("bases", "name=value")]
    [InlineData("", "name=value")]
    [InlineData("bases=", "a whole number")]
    [InlineData("bases=1,5", "a whole number")]
    [InlineData("bases=1_5", "a whole number")]
    [InlineData("bases=99999999999", "a whole number")]
    [InlineData("fineTuning.learningRate=1,5", "a number")]
    [InlineData("fineTuning.learningRate=", "a number")]
    [InlineData("fineTuning.learningRate=Infinity", "a number")]
    [InlineData("fineTuning.learningRate=-\u221E", "a number")]
    public void WrongValue_SaysWhatItTakes(string setting, string says) =>
        Assert.Contains(says, Assert.Throws<UsageException>(() => NamedOptions.Set(StudyOptions.Quick, setting)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void EveryOption_CanBeSetToItsOwnValue()
    {
        foreach (var (name, value) in NamedOptions.Values(StudyOptions.Lab))
            Assert.Equal(StudyOptions.Lab, NamedOptions.Set(StudyOptions.Lab, $"{name}={value}"));
    }

    [Theory]
    [InlineData("preTraining.heads=3")]
    [InlineData("preTraining.batchRows=63")]
    [InlineData("world.devFacts=4")]
    [InlineData("sampling.shots=25")]
    public void OptionsThatContradictEachOther_AreRefused(string setting) =>
        Assert.Throws<UsageException>(NamedOptions.Set(StudyOptions.Quick, setting).Check);

    // The same sentence wherever a record of options is used: a notebook makes it without NamedOptions.
    [Fact]
    public void OptionOutOfItsRange_IsNamedWithItsPathAndRange_WhereverItIsUsed()
    {
        void Says(string expected, Action use) =>
            Assert.StartsWith(expected, Assert.Throws<UsageException>(use).Message, StringComparison.Ordinal);
        Says("bases = 0 is out of range; it lies between 1 and 1000.", (StudyOptions.Smoke with { Bases = 0 }).Check);
        Says("world.rivalShare = 0.7 is out of range; it lies between 0 and 0.5.",
            (StudyOptions.Smoke with { World = new() { RivalShare = 0.7 } }).Check);
        Says("sampling.temperature = NaN is out of range",
            (StudyOptions.Smoke with { Sampling = new() { Temperature = double.NaN } }).Check);
        Says("estimator = 7 is no value; it is one of Exact, Sampled", (StudyOptions.Smoke with { Estimator = (EstimatorKind)7 }).Check);
        Says("fineTuning.epsilon = 2 is out of range; it lies between 1E-16 and 1.",
            (StudyOptions.Smoke with { FineTuning = new() { Epsilon = 2 } }).Check);
        Says("fineTuning is missing", (StudyOptions.Smoke with { FineTuning = null! }).Check);
        Says("sampling.samples = 0 is out of range; it lies between 1 and 10000.",
            new AnnotationOptions { Sampling = new() { Samples = 0 } }.Check);
        Says("world.trainFacts = 0 is out of range", () => SyntheticWorld.Create(new() { TrainFacts = 0 }, 1));
        Says("sampling.samples = 0 is out of range", () =>
            _ = new ExactEstimator(new SamplingOptions { Samples = 0 }, PromptFormat.QuestionAnswer));
        Says("sampling.topK = 0 is out of range", () =>
            _ = new SampledEstimator(new SamplingOptions { TopK = 0 }, PromptFormat.QuestionAnswer));
        Says("sampling.shots = -1 is out of range", () => PromptBatch.DrawExemplars([], new SamplingOptions { Shots = -1 }, 1));
        var none = CancellationToken.None;
        Says("preTraining.layers = 0 is out of range", () =>
            PreTraining.Run(new() { Layers = 0 }, 9, _ => [], 1, TorchSharp.torch.CPU, "", "", Progress.None, none));
        Says("fineTuning.epochs = 0 is out of range", () =>
            FineTuning.Run(new()
            {
                Start = null!, Tokenizer = null!, Options = new() { Epochs = 0 }, Examples = [], Seed = 1,
                Questions = new Dictionary<string, IReadOnlyList<Example>>(),
            }, _ => { }, none));
        var shape = new PreTrainingOptions().Shape(9);
        Says("config.heads = 0 is out of range", () =>
            _ = new DecoderWeights(shape with { Heads = 0 }, TorchSharp.torch.CPU, trainable: false));
    }

    [Fact]
    public void NormaliserWithExact_IsRefused()
    {
        Assert.Contains("estimator=sampled",
            Assert.Throws<UsageException>(new AnnotationOptions { Normaliser = AnswerNormaliser.Squad }.Check).Message,
            StringComparison.Ordinal);
        Assert.Contains("estimator=sampled",
            Assert.Throws<UsageException>((StudyOptions.Smoke with { Normaliser = AnswerNormaliser.Squad }).Check).Message,
            StringComparison.Ordinal);
        new AnnotationOptions { Normaliser = AnswerNormaliser.Squad, Estimator = EstimatorKind.Sampled }.Check();
    }

    [Fact]
    public void Presets_AreConsistent()
    {
        foreach (var options in StudyOptions.Presets.Values) options.Check();
        Assert.Throws<UsageException>(() => StudyOptions.Preset("quik"));
    }
}

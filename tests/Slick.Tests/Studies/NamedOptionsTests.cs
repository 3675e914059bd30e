using Slick.Knowledge;
using Slick.Studies;

namespace Slick.Tests.Studies;

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
        var options = new[] { "estimator=sampled", "fineTuning.learningRate=3e-5", "size=smaller-of-known-and-unknown", "bases=7" }.Aggregate(StudyOptions.Quick, NamedOptions.Set);
        Assert.Equal((EstimatorKind.Sampled, 3e-5, SizeRule.SmallerOfKnownAndUnknown, 7), (options.Estimator, options.FineTuning.LearningRate, options.Size, options.Bases));
    }

    [Theory]
    [InlineData("world.trainFact=7", "world.trainFacts")]
    [InlineData("learningRate=1", "fineTuning.learningRate")]
    [InlineData("fineTuning.lerningRate=1", "fineTuning.learningRate")]
    public void WrongName_SaysWhatWasMeant(string setting, string meant) =>
        Assert.Contains(meant, Assert.Throws<UsageException>(() => NamedOptions.Set(StudyOptions.Quick, setting)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("world.trainFacts=many", "a whole number")]
    [InlineData("world.trainFacts=1.5", "a whole number")]
    [InlineData("world.trainFacts=0", "out of range")]
    [InlineData("world.rivalShare=0.9", "between 0 and 0.5")]
    [InlineData("estimator=guess", "exact, sampled")]
    [InlineData("fineTuning.learningRate=NaN", "a number")]
    [InlineData("bases", "name=value")]
    public void WrongValue_SaysWhatItTakes(string setting, string says) =>
        Assert.Contains(says, Assert.Throws<UsageException>(() => NamedOptions.Set(StudyOptions.Quick, setting)).Message, StringComparison.Ordinal);

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

    [Fact]
    public void Presets_AreConsistent()
    {
        foreach (var options in StudyOptions.Presets.Values) options.Check();
        Assert.Throws<UsageException>(() => StudyOptions.Preset("quik"));
    }
}

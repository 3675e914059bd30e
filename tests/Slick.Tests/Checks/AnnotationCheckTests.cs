using Slick.Checks;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;

namespace Slick.Tests.Checks;

/// <summary>SliCK on a real checkpoint against what Hugging Face transformers computed.</summary>
public sealed class AnnotationCheckTests
{
    // Two relations in full; all twelve: slick check annotation (see the README).
    [Fact]
    public void RealCheckpoint_IsAnnotatedAsByTransformers_TwoRelations()
    {
        var folder = Shared.Require("reference/gemma3-270m-entityquestions");
        var report = AnnotationCheck.Run(Path.Combine(folder, "slick.json"), folder, Compute.Choose("cpu"), ["P17", "P36"], Progress.None,
            TestContext.Current.CancellationToken);
        Assert.Equal(48, report.Questions);
        Assert.All(report.Comparisons, c =>
            Assert.True(c.Ok, $"{c.What}: {c.Difference} (limit {c.Limit}) {c.Detail}\n{string.Join('\n', report.Remarks)}"));
    }

    [Fact]
    public void UnknownRelation_IsNamed()
    {
        var folder = Shared.Require("reference/gemma3-270m-entityquestions");
        var error = Assert.Throws<SlickException>(() =>
            AnnotationCheck.Run(Path.Combine(folder, "slick.json"), folder, Compute.Choose("cpu"), ["P9999"], Progress.None,
                TestContext.Current.CancellationToken));
        Assert.Contains("P9999", error.Message, StringComparison.Ordinal);
    }
}

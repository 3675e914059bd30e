using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Tests.Analysis;

public sealed class FitnessTests
{
    // Train facts of relations r and s, and test questions, by category; exposures fall from 9 to 0.
    private static LabelledBase Labels(int[] r, int[] s, int[] test, params int[] exposures)
    {
        var (labels, told) = (new List<LabelRow>(), new List<ExposureRow>());
        void Add(string relation, Split split, int[] counts)
        {
            foreach (var category in Enum.GetValues<Category>())
                for (var i = 0; i < counts[(int)category]; i++)
                {
                    told.Add(new() { FactId = labels.Count, RivalExposures = 0,
                        GoldExposures = exposures.Length > 0 ? exposures[(int)category] : 9 - 3 * (int)category });
                    labels.Add(new LabelRow
                    {
                        FactId = labels.Count, Relation = relation, Split = split, Question = "", Answer = "", GreedyCorrect = 0,
                            SampledCorrect = 0, CategoryProbability = 1,
                        Category = category,
                    });
                }
        }
        Add("r", Split.Train, r);
        Add("s", Split.Train, s);
        Add("r", Split.Test, test);
        // Labels out of distribution are no part of it.
        Add("o", Split.Test, [1, 1, 1, 1]);
        return new(1, "", new([new("r", "", true), new("s", "", true), new("o", "", false)], []), labels, told);
    }

    private static readonly LabelledBase Fit = Labels([250, 250, 250, 250], [200, 200, 200, 400], [200, 200, 200, 200]);

    private static (string Found, bool Met)[] Of(params LabelledBase[] bases) =>
        [.. Fitness.Of(bases).Select(f => (f.Found, f.Met))];

    [Fact]
    public void AFitLab_MeetsEverything() =>
        Assert.Equal([("22.5% HighlyKnown", true), ("40.0% in s", true), ("9, 6, 3, 0", true), ("200 HighlyKnown", true), ("450", true),
            ("200", true)], Of(Fit));

    [Fact]
    public void TheWorstBaseModel_Decides()
    {
        // 80 of 2,000; 20 + 30 of 1,000 outside the two largest; |D| 20 + 30; smallest part 20.
        var poor = Labels([450, 500, 20, 30], [450, 300, 60, 190], [300, 250, 199, 260]);
        Assert.Equal([("4.0% WeaklyKnown", false), ("5.0% in r", true), ("9, 6, 3, 0", true), ("199 WeaklyKnown", false), ("80", false),
            ("20", true)], Of(Fit, poor));
    }

    [Fact]
    public void EachConditionHasItsLimit()
    {
        Assert.Equal([("10.0% MaybeKnown", true), ("4.9% in r", false)],
            Of(Labels([911, 19, 40, 30], [400, 181, 200, 219], [1, 1, 1, 1])).Take(2));
        Assert.Equal(("399", false), Of(Labels([199, 250, 250, 250], [200, 200, 200, 400], [1, 1, 1, 1]))[4]);
        Assert.Equal(("14", false), Of(Labels([14, 250, 250, 250], [600, 600, 600, 600], [1, 1, 1, 1]))[5]);
        Assert.Equal(("9, 6, 6, 0", false), Of(Labels([250, 250, 250, 250], [200, 200, 200, 400], [1, 1, 1, 1], 9, 6, 6, 0))[2]);
    }
}

namespace Slick.Paper;

/// <summary>Coefficients of the linear model of accuracy in the paper's Table 1, in points.</summary>
/// <param name="B0">Intercept.</param>
/// <param name="Known">b_kn: of the share of D that is a fitted Known example.</param>
/// <param name="Unknown">b_unk: of the share of D that is a fitted Unknown example.</param>
/// <param name="R2">Share of the variance explained.</param>
public sealed record PaperFit(double B0, double Known, double Unknown, double R2);

/// <summary>What the paper's wrong answers are (Table 6), in percent.</summary>
/// <param name="Wrong">Wrong in fact.</param>
/// <param name="Paraphrases">The gold answer in other words.</param>
/// <param name="HigherGranularity">Right at a higher granularity.</param>
/// <param name="LowerGranularity">Right at a lower granularity.</param>
public sealed record PaperErrors(int Wrong, int Paraphrases, int HigherGranularity, int LowerGranularity);

/// <summary>What a significance test of the paper found.</summary>
public enum PaperTest
{
    /// <summary>No difference at 5%.</summary>
    NotBelowFivePercent,
    /// <summary>A difference, p below 0.01.</summary>
    BelowOnePercent,
}

/// <summary>
/// Numbers of Gekhman et al., "Does Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?" (EMNLP 2024, arXiv 2405.05904). Reports
/// print these numbers beside ours. The paper's model is PaLM 2-M, its questions are EntityQuestions. Lists by category go from HighlyKnown
/// to Unknown.
/// </summary>
public static class PaperStudy
{
    /// <summary>Table 3: numbers of train questions by relation. Each list has the categories from HighlyKnown to Unknown. The keys are the
    /// 12 relations in distribution, in the paper's order.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<int>> Train { get; } = new Dictionary<string, IReadOnlyList<int>>
    {
        ["P131"] = [553, 2529, 1493, 3071],
        ["P136"] = [236, 3410, 1892, 1978],
        ["P17"] = [4387, 2628, 511, 364],
        ["P19"] = [369, 1884, 1498, 4170],
        ["P26"] = [1609, 1503, 1087, 3257],
        ["P264"] = [206, 1444, 1854, 3820],
        ["P36"] = [4160, 1634, 449, 572],
        ["P40"] = [692, 1467, 1271, 2680],
        ["P495"] = [5459, 1101, 408, 706],
        ["P69"] = [233, 1126, 1712, 3650],
        ["P740"] = [1323, 1618, 1428, 2902],
        ["P800"] = [301, 330, 222, 503],
    };

    /// <summary>Table 4: numbers of test questions by relation. Each list has the categories from HighlyKnown to Unknown. The keys are the
    /// 12 relations in distribution, in the paper's order.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<int>> Test { get; } = new Dictionary<string, IReadOnlyList<int>>
    {
        ["P131"] = [57, 362, 158, 388],
        ["P136"] = [6, 432, 248, 281],
        ["P17"] = [448, 432, 65, 51],
        ["P19"] = [107, 148, 243, 501],
        ["P26"] = [177, 238, 158, 378],
        ["P264"] = [47, 157, 268, 486],
        ["P36"] = [580, 152, 62, 86],
        ["P40"] = [99, 191, 167, 344],
        ["P495"] = [699, 147, 51, 96],
        ["P69"] = [27, 145, 227, 441],
        ["P740"] = [182, 245, 181, 334],
        ["P800"] = [35, 50, 28, 76],
    };

    /// <summary>Table 5: numbers of test questions by relation. Each list has the categories from HighlyKnown to Unknown. The keys are the
    /// 7 relations out of distribution, in the paper's order.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<int>> OodTest { get; } = new Dictionary<string, IReadOnlyList<int>>
    {
        ["P127"] = [125, 383, 168, 314],
        ["P50"] = [287, 193, 115, 372],
        ["P407"] = [366, 153, 59, 45],
        ["P176"] = [289, 277, 181, 225],
        ["P170"] = [142, 284, 120, 304],
        ["P175"] = [94, 120, 103, 663],
        ["P112"] = [134, 116, 76, 140],
    };

    /// <summary>The categories' shares of all train questions in percent, rounded, from HighlyKnown to Unknown (section 3).</summary>
    public static IReadOnlyList<int> TrainShares { get; } = [24, 23, 17, 36];

    /// <summary>|D|: number of examples of a fine-tuning set (section 4).</summary>
    public const int SetSize = 6142;

    /// <summary>Examples in a batch of fine-tuning (appendix E).</summary>
    public const int BatchExamples = 128;

    /// <summary>Learning rate of fine-tuning (appendix E).</summary>
    public const double LearningRate = 1e-5;

    /// <summary>Share of the values that dropout sets to 0 in fine-tuning (appendix E).</summary>
    public const double DropoutRate = 0.05;

    /// <summary>Epochs of fine-tuning until CONVERGENCE (section 4).</summary>
    public const int Epochs = 50;

    /// <summary>Table 1: the linear model of the accuracy on test questions in distribution.</summary>
    public static PaperFit Fit { get; } = new(36.9, 7.3, -8.3, 0.86);

    /// <summary>Table 1: the linear model of the accuracy on test questions out of distribution.</summary>
    public static PaperFit OodFit { get; } = new(36.2, 3.2, -3.0, 0.95);

    /// <summary>Table 2 at EARLY_STOP: exact match in percent by fine-tuning set. Each list begins with all test questions. The categories
    /// from HighlyKnown to Unknown follow.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<double>> EarlyStop { get; } = new Dictionary<string, IReadOnlyList<double>>
    {
        ["HighlyKnown"] = [40.5, 98.7, 60.1, 9.0, 0.6],
        ["MaybeKnown"] = [43.6, 98.4, 69.9, 12.1, 1.0],
        ["WeaklyKnown"] = [39.2, 95.0, 59.2, 8.6, 0.4],
        ["Unknown"] = [37.5, 95.6, 52.9, 6.5, 0.6],
        ["Natural"] = [43.5, 98.0, 67.6, 14.1, 1.8],
    };

    /// <summary>Table 2 at CONVERGENCE: exact match in percent by fine-tuning set. Each list begins with all test questions. The categories
    /// from HighlyKnown to Unknown follow.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<double>> Convergence { get; } = new Dictionary<string, IReadOnlyList<double>>
    {
        ["HighlyKnown"] = [40.0, 98.4, 58.8, 8.5, 0.7],
        ["MaybeKnown"] = [43.2, 97.5, 68.2, 12.9, 1.3],
        ["WeaklyKnown"] = [35.4, 73.5, 55.8, 17.2, 2.2],
        ["Unknown"] = [25.8, 55.8, 36.6, 12.2, 3.2],
        ["Natural"] = [41.8, 95.5, 61.7, 14.8, 2.5],
    };

    /// <summary>Table 8: D and D_IDK, with 50% Unknown. For each stop the exact match in percent of the questions that are answered, and
    /// the percentage of questions that are answered.</summary>
    public static IReadOnlyDictionary<string, (double Accuracy, double Answered)> DontKnow { get; } =
        new Dictionary<string, (double, double)>
        {
            ["D, EARLY_STOP"] = (43.0, 100), ["D, CONVERGENCE"] = (38.8, 100),
            ["D_IDK, EARLY_STOP"] = (61.8, 58.7), ["D_IDK, CONVERGENCE"] = (61.8, 55.6),
        };

    /// <summary>Table 7: the test of each set against D_MaybeKnown over all test questions, of which D_MaybeKnown answers the most
    /// rightly; by set, and whether at CONVERGENCE (else at EARLY_STOP).</summary>
    public static IReadOnlyDictionary<(string Set, bool IsConvergence), PaperTest> AgainstMaybeKnown { get; } =
        new Dictionary<(string, bool), PaperTest>
        {
            [("HighlyKnown", false)] = PaperTest.BelowOnePercent,
            [("WeaklyKnown", false)] = PaperTest.BelowOnePercent,
            [("Unknown", false)] = PaperTest.BelowOnePercent,
            [("Natural", false)] = PaperTest.NotBelowFivePercent,
            [("HighlyKnown", true)] = PaperTest.BelowOnePercent,
            [("WeaklyKnown", true)] = PaperTest.BelowOnePercent,
            [("Unknown", true)] = PaperTest.BelowOnePercent,
            [("Natural", true)] = PaperTest.BelowOnePercent,
        };

    /// <summary>Appendix I: the test of each set's CONVERGENCE against its EARLY_STOP over all test questions.</summary>
    public static IReadOnlyDictionary<string, PaperTest> ConvergenceAgainstEarlyStop { get; } = new Dictionary<string, PaperTest>
    {
        ["HighlyKnown"] = PaperTest.BelowOnePercent,
        ["MaybeKnown"] = PaperTest.NotBelowFivePercent,
        ["WeaklyKnown"] = PaperTest.BelowOnePercent,
        ["Unknown"] = PaperTest.BelowOnePercent,
        ["Natural"] = PaperTest.BelowOnePercent,
    };

    /// <summary>Table 6: 100 predictions of the pre-trained model that exact match calls wrong, by hand, in percent. 50 are greedy, 50
    /// sampled, behind the prompts of the labels (appendix C).</summary>
    public static PaperErrors Errors { get; } = new(90, 6, 2, 2);

    /// <summary>Figure 3: the largest loss of accuracy on test questions in distribution, in points.</summary>
    public const int LargestDrop = 14;

    /// <summary>Figure 7: the largest loss of accuracy on test questions out of distribution, in points.</summary>
    public const int LargestOodDrop = 6;
}
